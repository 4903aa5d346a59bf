// SPDX-License-Identifier: Apache-2.0
// A single-write image in the forms that programmers and vendors' tools take. What goes in holds a
// private key, so all that comes out is secret: it belongs into memory, or onto tmpfs. Leaves out
// whose key it is and where the file goes. Pure functions; thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "link/board.h"
#include "link/image.h"

namespace birthmark::link {

enum class ImageFormat {
  kRaw,             // the flash from address 0, blank between the parts
  kIntelHex,        // the same without the blank erase blocks
  kNrfFactoryData,  // the factory data of Matter on the nRF Connect SDK: a CBOR map, as Intel HEX
};

// ImageFormatOf reads "raw", "intel-hex" or "nrf-factory-data".
std::optional<ImageFormat> ImageFormatOf(std::string_view word);
std::string_view ToText(ImageFormat format);

// NrfFactoryData is what the nRF Connect SDK's factory data partition holds (version 1). Texts are
// stored as byte strings there. Lengths are those of the device's reader.
struct NrfFactoryData {
  uint32_t address = 0;  // of the partition in the device's flash
  uint32_t size = 4096;  // of the partition
  std::string sn;        // 1 to 32 bytes
  std::string date;      // YYYY-MM-DD
  uint16_t vendor_id = 0;
  uint16_t product_id = 0;
  std::string vendor_name;   // 1 to 32 bytes
  std::string product_name;  // 1 to 32 bytes
  uint16_t hw_ver = 0;
  std::string hw_ver_str;       // 1 to 64 bytes
  Bytes rd_uid;                 // 16 to 32 bytes
  Bytes dac_cert;               // the device's certificate, DER, at most 602 bytes
  SecretBytes dac_key;          // its P-256 scalar, 32 bytes
  Bytes pai_cert;               // the issuer's, DER, at most 602 bytes
  uint32_t spake2_it = 1000;    // 1000 to 100000
  Bytes spake2_salt;            // 16 to 32 bytes
  SecretBytes spake2_verifier;  // 97 bytes; from the passcode, which is not in the file
  uint16_t discriminator = 0;   // 12 bits
};

// ImageContent is what an image is made from: parts of a board's flash for kRaw and kIntelHex (with
// "factory-data" from EncodeFactoryRecord), nrf for kNrfFactoryData.
struct ImageContent {
  Board board;
  std::vector<FlashPart> parts;
  const NrfFactoryData* nrf = nullptr;
};

// Export gives the file's bytes. Errors: image.partition, image.too-large, image.content (what the
// format needs is missing or out of range).
Result<SecretBytes> Export(ImageFormat format, const ImageContent& content);

}  // namespace birthmark::link
