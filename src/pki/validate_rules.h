// SPDX-License-Identifier: Apache-2.0
// The rules behind a judgement: what each refusal of the engine stands for, and the rules of the
// profile that the engine does not look at. Internal to validate*.cc. Pure functions.
#pragma once

#include "pki/validate.h"

namespace birthmark::pki {

// EngineFinding says in RFC 5280's terms what an X509_V_ERR_* number stands for.
RuleFinding EngineFinding(int engine_error);
// CheckProfile looks at one certificate of a path by itself (validate_profile.cc).
void CheckProfile(const crypto::Certificate& c, size_t place, std::vector<RuleFinding>& out);
// CheckUse looks at what the end and the authorities above it may be used for.
void CheckUse(const Path& path, Wanted use, std::vector<RuleFinding>& out);

}  // namespace birthmark::pki
