// SPDX-License-Identifier: Apache-2.0
// EDK II's variable store in a flash image (OVMF_VARS.fd, a dump of a board's flash): the firmware
// volume, the store's header, authenticated variables. Leaves out NVRAM formats of other makers.
// Pure; thread-safe. Source: UEFI Platform Initialization specification 1.8 volume 3 section 3.2;
// EDK II MdeModulePkg/Include/Guid/VariableFormat.h.
#pragma once

#include <string>

#include "trust/store.h"

namespace birthmark::trust {

// UefiVariable is one variable that is in force.
struct UefiVariable {
  std::string name;    // UTF-8; what has no such form is escaped
  std::string vendor;  // GUID
  uint32_t attributes = 0;
  bool authenticated = false;  // only a signed write changes it
  ByteView data;               // inside the image
};

struct VariableStore {
  std::vector<UefiVariable> variables;
  size_t deleted = 0;  // variables whose octets are still there
  Findings findings;
};

// LooksLikeVariableStore is true for a firmware volume with EDK II's file system of variables.
bool LooksLikeVariableStore(ByteView data);
// ReadVariables lists the variables of the volume at the front; `image` must outlive them.
// Errors: trust.varstore-malformed, trust.too-large. Findings: trust.varstore-malformed.
Result<VariableStore> ReadVariables(ByteView image);
// ReadVariableStore reads the signature lists of PK, KEK, db, dbx, dbt, dbr and the shim's MokList
// and MokListX; `place` of an anchor is the variable. Errors: those of ReadVariables.
// Findings: those of ReadSignatureLists; trust.setup-mode: no PK, so anybody can write keys.
Result<Store> ReadVariableStore(ByteView image);

}  // namespace birthmark::trust
