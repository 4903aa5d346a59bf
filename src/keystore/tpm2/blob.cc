// SPDX-License-Identifier: Apache-2.0
#include "keystore/tpm2/blob.h"

#include <fmt/format.h>

#include <algorithm>

#include "cbor/reflect.h"

namespace birthmark::keystore {
namespace {

constexpr std::string_view kTpmKeyFormat = "birthmark-tpm-key-1";

}  // namespace

Bytes WriteTpmKeyFile(TpmKeyFile file) {
  file.format = kTpmKeyFormat;
  return cbor::ToCbor(file);
}

Result<TpmKeyFile> ReadTpmKeyFile(ByteView data, std::string_view id) {
  auto bad = [&](std::string_view why) {
    return Refused("keystore.corrupt", fmt::format("key \"{}\": {}", id, why),
                   "bring the file back from a backup of the keys' folder");
  };
  if (data.size() > kMaxTpmKeyFile) return bad("the file is too large");
  auto file = cbor::FromCbor<TpmKeyFile>(data, {.depth = 4, .items = 64});
  if (!file) return bad(file.error().message);
  if (!std::ranges::equal(cbor::ToCbor(*file), data)) return bad("holds unknown fields");
  if (file->format != kTpmKeyFormat) return bad("not a format of this version");
  if (file->id != id) return bad("the file belongs to another name");
  return file;
}

}  // namespace birthmark::keystore
