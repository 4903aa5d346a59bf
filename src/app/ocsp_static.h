// SPDX-License-Identifier: Apache-2.0
// Revocation as files that any web server or CDN carries: lists, and an OCSP answer for each
// certificate under the name that RFC 5019 section 5 makes of its question. Leaves out answering
// live (ocsp.h). Not thread-safe.
#pragma once

#include <map>
#include <span>
#include <string>

#include "app/factory.h"
#include "app/ocsp.h"

namespace birthmark::app {

// ServicesOf are those of a workspace that is open for changing; it outlives the desk.
OcspServices ServicesOf(Factory& factory, const Clock& clock);

// StaticName is the path of a GET request below the responder's URL, decoded as a server looks it
// up: base64 of the request.
std::string StaticName(ByteView request);

// WriteStatics writes DIR/crl/CA.crl and DIR/ocsp/CA/… for each of these authorities whose key is
// online. Errors: those of the key store, the ledger, file.write.
Status WriteStatics(Factory& factory, const std::map<std::string, AdoptedPlan>& plans,
                    std::span<const ledger::CaRow> cas, const fs::path& dir, const Clock& clock);

}  // namespace birthmark::app
