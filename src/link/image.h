// SPDX-License-Identifier: Apache-2.0
// Firmware images as a device takes them (docs/formats/device-image.md): making and reading back.
// Leaves out whether a device would accept one: that is asked of the device (DeviceConsole::Try).
// Pure functions; thread-safe.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "crypto/key.h"
#include "link/board.h"

namespace birthmark::link {

// Manifest is what an image's signature covers besides its size and digest.
struct Manifest {
  std::string kind;  // test-image, first-stage, second-stage, tam, application, bundle
  std::string name;
  uint64_t version = 0;
  bool factory_commands = false;
  std::vector<std::string> privileges;  // of a TAM: what its messages may ask for
  // Product is the hardware that the code is for; oem is the maker's enterprise number.
  struct Product {
    uint32_t oem = 0;
    std::string model, hardware;
  };
  std::optional<Product> product;
};

// AnchorPolicy is what the code around an anchor demands. Empty members demand nothing.
struct AnchorPolicy {
  std::vector<uint64_t> levels;             // draft 5.1; 1 = the anchor's own key signs
  std::optional<std::string> eku;           // OID, dotted
  std::optional<std::string> policy_oid;    // OID, dotted
  std::optional<std::string> subject;       // serialNumber or CN of the signer
  std::optional<std::string> organization;  // O of the signer: the anchor's name constraint
  std::optional<std::string> subordinate;   // CN of an authority between the anchor and the signer
  std::vector<std::string> algorithms;      // COSE names: ES256 …
  std::vector<std::string> dns;             // of a server: subtrees in which its DNS names lie
};

struct StageAnchor {
  std::string id;
  std::string kind;
  std::string verifies;  // second-stage, application, bundle, or what else it is for
  std::string form;      // spki, certificate, digest, file
  Bytes data;
  AnchorPolicy policy;
};

struct Stage {
  Bytes code;
  std::vector<StageAnchor> anchors;
};

Bytes EncodeStage(const Stage& stage);
// DecodeStage is strict. Errors: those of cbor::Decode, image.stage.
Result<Stage> DecodeStage(ByteView payload);

// SignerHeaders is what travels with a signature so that the verifier finds the key.
struct SignerHeaders {
  std::vector<Bytes> x5chain;  // signer first; may end with the anchor's own certificate
  bool bare_key = false;       // put the signer's SPKI into the header, for a digest anchor
};

// SignObject makes the COSE_Sign1 that a device's verifier takes. Errors: those of the signer.
Result<Bytes> SignObject(ByteView payload, crypto::Signer& signer, const SignerHeaders& headers);

// BuildImage makes a container: envelope, then payload. Errors: those of the signer,
// image.too-large.
Result<Bytes> BuildImage(const Manifest& manifest, ByteView payload, crypto::Signer& signer,
                         const SignerHeaders& headers);

struct DecodedImage {
  Manifest manifest;
  Bytes envelope;
  Bytes payload;
  std::vector<Bytes> x5chain;
  int64_t algorithm = 0;
  size_t size = 0;  // of the whole container
  Digest sha256{};  // of the whole container, as a boot report tells it
};

// DecodeImage reads a container at the start of `region`; what follows must be blank flash (0xFF).
// It compares the payload with the manifest's digest and checks no signature.
// Errors: image.format, image.digest, image.trailing.
Result<DecodedImage> DecodeImage(ByteView region);

// FactoryIdentity is one identity that is made outside and installed (bamboo).
struct FactoryIdentity {
  std::string slot;
  SecretBytes key;  // P-256 scalar, 32 bytes
  std::vector<Bytes> chain;
};

// Configuration is what else a unit is given at its birth: names and values, for its application.
using Configuration = std::map<std::string, std::string>;

// EncodeFactoryRecord makes the content of the factory-data partition of a board that takes its
// identity from there. Secret, because the keys are in it.
SecretBytes EncodeFactoryRecord(const std::string& serial,
                                const std::vector<FactoryIdentity>& identities,
                                const Configuration& configuration = {});

// ChainCell is where a board that makes its own keys looks for a slot's certificate chain: what to
// write, and at which octet of the factory-data partition (docs/formats/device-image.md).
struct ChainCell {
  uint32_t offset = 0;
  Bytes content;
};
// EncodeChainCell makes the first of a slot's two cells. Errors: image.slot, image.too-large.
Result<ChainCell> EncodeChainCell(std::string_view slot, const std::vector<Bytes>& chain);

// FlashPart is one partition's content in a single-write image.
struct FlashPart {
  std::string partition;
  ByteView content;
};

// ComposeFlash lays the parts out in one image from address 0, blank between them, so that one
// write brings everything. Secret, because one part may be.
// Errors: image.partition, image.too-large.
Result<SecretBytes> ComposeFlash(const Board& board, const std::vector<FlashPart>& parts);

}  // namespace birthmark::link
