// SPDX-License-Identifier: Apache-2.0
// Makes the images of the plan's stages with the anchors inside that the plan puts there, signed as
// the anchor of the stage before wants it. Images are real containers that a device's boot ROM
// verifies; their code is a stand-in. Leaves out writing them to a device. Not thread-safe.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "crypto/cert.h"
#include "keystore/keystore.h"
#include "ledger/events.h"
#include "link/image.h"
#include "plan/plan.h"

namespace birthmark::line {

// SignerChain is an end-entity key of ours with its certificates, itself first and without the
// root; empty for a key that is its own anchor.
struct SignerChain {
  std::string key_id;
  std::vector<crypto::Certificate> chain;
  std::optional<crypto::Certificate> root;
};

// Materials is what images are made from.
struct Materials {
  const plan::Plan& plan;
  keystore::KeyStore& keys;
  std::map<std::string, SignerChain> signers;  // by PKI id
  std::map<std::string, Bytes> files;          // anchor id -> the bytes of its file
};

// Image is one partition's content.
struct Image {
  std::string partition;  // "first-stage"
  Bytes bytes;
  Digest digest{};
  std::string version;
  std::vector<std::string> anchors;
  Digest signer{};
  uint32_t signer_level = 1;
};

class Firmware {
 public:
  // Make builds every stage of the plan and the store bundle where anchors live in a store of their
  // own. Errors: firmware.signer (nobody of ours can sign a stage), firmware.container (an anchor's
  // place is in no image), those of link::BuildImage and the key store.
  static Result<Firmware> Make(const Materials& materials);

  // FromImages takes images that were made and released before.
  static Firmware FromImages(std::vector<Image> images, const Digest& boot_anchor);

  const Image* Find(std::string_view partition) const;
  const std::vector<Image>& images() const { return images_; }
  // boot_anchor is what the fuses hold: SHA-256 of the first-boot anchor's SPKI.
  const Digest& boot_anchor() const { return boot_anchor_; }

 private:
  std::vector<Image> images_;
  Digest boot_anchor_{};
};

// AnchorKey is the public key of a generated anchor: the root's, or the end entity's where it is
// its own.
Result<crypto::PublicKey> AnchorKey(const Materials& m, const plan::Anchor& anchor);
// AnchorBytes is an anchor as it stands in the device, in its plan's form.
Result<Bytes> AnchorBytes(const Materials& m, const plan::Anchor& anchor);
// PartitionHolding is the partition whose image holds the anchor; empty when it is in fuses.
std::string PartitionHolding(const plan::Plan& plan, const plan::Anchor& anchor);

}  // namespace birthmark::line
