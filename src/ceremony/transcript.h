// SPDX-License-Identifier: Apache-2.0
// The transcript of a ceremony, as text and as a page to print: the open one, which says neither
// who, how many, nor when to the minute, and the sealed one, which says all. Pure functions.
#pragma once

#include <functional>
#include <string>

#include "ceremony/script.h"
#include "ceremony/state.h"

namespace birthmark::ceremony {

// OpenTranscript may be shown to auditors and kept with the record.
std::string OpenTranscript(const Script& script, const CeremonyState& ceremony);
// SealedTranscript is for the sealed bag. `name_of` gives the name behind a pseudonym, or nothing.
std::string SealedTranscript(const Script& script, const CeremonyState& ceremony,
                             const std::function<std::string(const std::string&)>& name_of);
// TranscriptPage is a transcript as an HTML page that needs nothing else.
std::string TranscriptPage(const Script& script, const std::string& transcript);

}  // namespace birthmark::ceremony
