// SPDX-License-Identifier: Apache-2.0
// The parts of a rehearsal: TPMs by swtpm, each with an endorsement key and a certificate chain of
// a rehearsal maker, and tokens by SoftHSM2. A part lives in a folder, so that a device that comes
// back finds the same one. Real parts need none of this. Not thread-safe.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "base/files.h"
#include "element/element.h"

namespace birthmark::element {

// TpmToolsHere and TokenToolsHere tell whether this machine can emulate such parts.
bool TpmToolsHere();
bool TokenToolsHere();

// MakeMaker makes the certification authorities of a rehearsal maker of TPMs, unless they are
// there: a root and an intermediate, their keys in the clear. It needs no tools.
Status MakeMaker(const fs::path& maker);
fs::path MakerRoot(const fs::path& maker);  // PEM: what a plan pins

// MakeTpm makes the TPM of the folder, unless it is there: swtpm with an EK certificate by the
// maker, and the maker's intermediate in the TPM. `serial` goes into the EK certificate. One caller
// a `maker` at a time. Errors: element.missing (no swtpm), element.failed.
Status MakeTpm(const fs::path& folder, const fs::path& maker, const std::string& serial);

// MakeToken makes the SoftHSM2 token of the folder, unless it is there, with a PIN of its own that
// only the folder's owner reads. Errors: element.missing, element.failed.
Status MakeToken(const fs::path& folder);

// RunningTpm is a swtpm that serves the TPM of a folder; it ends with this object, and with this
// process or thread at the latest.
class RunningTpm {
 public:
  // Start errors: element.missing, element.failed.
  static Result<RunningTpm> Start(const fs::path& folder);
  RunningTpm(RunningTpm&& o) noexcept;
  RunningTpm& operator=(RunningTpm&& o) noexcept;
  ~RunningTpm();
  // tcti is "swtpm:path=SOCKET".
  std::string tcti() const;

 private:
  RunningTpm() = default;
  Result<bool> WaitUntilItListens();
  void End();
  pid_t pid_ = -1;
  fs::path socket_;
  fs::path run_;  // a short-named folder of its own for the sockets; empty: they are in the part's
};

// Part is an element and what has to run as long as it is used.
struct Part {
  std::unique_ptr<RunningTpm> process;  // declared first: ends last
  std::unique_ptr<Element> element;
};
// OpenPart opens what Open does, and two more kinds of URI: "swtpm:FOLDER" and "softhsm:FOLDER" for
// parts made above. A softhsm part sets SOFTHSM2_CONF: one a process.
Result<Part> OpenPart(const std::string& uri);

}  // namespace birthmark::element
