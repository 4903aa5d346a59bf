// SPDX-License-Identifier: Apache-2.0
// OCSP responses that came as files, judged against a path (RFC 6960). Internal to validate*.cc.
// A nonce is not looked for: nobody asked for these responses just now.
#pragma once

#include "pki/validate.h"

namespace birthmark::pki {

// CheckOcsp judges every response, and gives for each certificate of the path whether a response
// that holds says it is good. Errors: chain.input.
Result<std::vector<bool>> CheckOcsp(const Path& path, const Validation& ask,
                                    std::vector<RuleFinding>& out);

}  // namespace birthmark::pki
