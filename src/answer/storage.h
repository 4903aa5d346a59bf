// SPDX-License-Identifier: Apache-2.0
// How a key of the manufacturer's is kept, as its store reported it and as its use shows.
#pragma once

#include <string>

#include "answer/evaluators.h"

namespace birthmark::answer {

// KeyOf is the event that made an authority's key; null when the key was made elsewhere.
const ledger::KeyCreated* KeyOf(const Fold& fold, const Authority& authority);
// RootStorage answers for a root: class of its store, the module's own facts, whether each
// certificate under it came by a carried request, how often and on how many days of the period it
// signed, and how long a request waited for it. Method 2 of `question`; method 1 beside it.
Found RootStorage(const Case& c, const Authority& root, const std::string& question);
// KeyStorage answers for a bare key, of which only the store and its facts are known.
Found KeyStorage(const Case& c, const Row<ledger::KeyCreated>& key, std::string method);

}  // namespace birthmark::answer
