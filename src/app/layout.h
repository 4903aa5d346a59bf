// SPDX-License-Identifier: Apache-2.0
// Where things are in a workspace's folder. Paths only; nothing is opened here.
#pragma once

#include "base/files.h"

namespace birthmark::app {

// Layout names the folders of a workspace WS and of its offline side, WS.offline, which stands for
// the machine that is never on a network: its keys, and what is carried in and out.
struct Layout {
  fs::path root;

  explicit Layout(fs::path ws) : root(std::move(ws)) {
    // "acme/" and "acme" are the same workspace.
    if (root.filename().empty()) root = root.parent_path();
  }
  fs::path offline() const { return root.string() + ".offline"; }
  fs::path lock() const { return root / "lock"; }
  fs::path ledger() const { return root / "ledger"; }
  fs::path keys() const { return root / "keys"; }
  fs::path offline_keys() const { return offline() / "keys"; }
  fs::path offline_in() const { return offline() / "in"; }
  fs::path offline_out() const { return offline() / "out"; }
  // requests holds what is carried: NAME.request out, NAME.response back.
  fs::path requests() const { return root / "requests"; }
  // public_dir holds what may be given away: root.pem, disclosure-root.pem, log.vkey, checkpoints.
  fs::path public_dir() const { return root / "public"; }
  // anchors holds the files of the plan's anchors as they were read, by anchor id.
  fs::path anchors() const { return root / "anchors"; }
  // images holds the firmware released for the line, by stage.
  fs::path images() const { return root / "images"; }
  // trials holds the objects that a device's verifier is tried with, by anchor id; signed at init,
  // since the keys they need are offline afterwards.
  fs::path trials() const { return root / "trials"; }
  // disclosures holds every file that was signed, since the leak guard looks at all of them
  // together.
  fs::path disclosures() const { return root / "disclosures"; }
  // devices holds the emulated devices' fuses and flash; a real line has none.
  fs::path devices() const { return root / "devices"; }
  // pool holds the sealed batches of keys made ahead, a file a batch.
  fs::path pool() const { return root / "pool"; }
  // seeds holds the batches of seeds that are kept, each seed sealed, a file a batch.
  fs::path seeds() const { return root / "seeds"; }
  // silicon is the silicon maker's side of a rehearsal: what it fused into each chip.
  fs::path silicon() const { return root / "silicon"; }
  // secrets holds what units were given and nobody has been handed yet, sealed: SLOT/SERIAL.
  fs::path secrets() const { return root / "secrets"; }
  // vendor_roots holds the makers' roots that a plan's slots name, as they were when it was
  // adopted: PRODUCT.SLOT.pem.
  fs::path vendor_roots() const { return root / "vendor-roots"; }
  // parts_maker holds the authority of a rehearsal's maker of TPMs.
  fs::path parts_maker() const { return root / "parts-maker"; }
  // labels holds each unit's label as it was printed: SERIAL.png and SERIAL.svg.
  fs::path labels() const { return root / "labels"; }
  // zones holds a rehearsal's signers in other time zones: "PKI ZONE", each to be carried there.
  fs::path zones() const { return root / "zones"; }
  fs::path local_credential() const { return root / "credential"; }
};

}  // namespace birthmark::app
