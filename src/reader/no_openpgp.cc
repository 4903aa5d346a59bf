// SPDX-License-Identifier: Apache-2.0
// The static program has no librnp, which exists only as a shared object: an OpenPGP keyring is
// named, and the full program reads it. Stands in for anchors/openpgp.cc.
#include "anchors/openpgp.h"

namespace birthmark::anchors {

Result<AnchorFacts> ReadOpenpgpKeyring(ByteView) {
  return Refused("scan.openpgp",
                 "an OpenPGP keyring, which birthmark-reader cannot open and birthmark can",
                 "use birthmark scan");
}

}  // namespace birthmark::anchors
