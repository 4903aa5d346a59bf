// SPDX-License-Identifier: Apache-2.0
#include "trust/varstore.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "trust/esl.h"
#include "trust/little.h"

namespace birthmark::trust {
namespace {

constexpr std::string_view kNvData = "fff12b8d-7696-4c8b-a985-2747075b4f50";
constexpr std::string_view kAuthenticatedStore = "aaf32c78-947b-439a-a180-2e144ec37792";
constexpr std::string_view kPlainStore = "ddcf3616-3275-4164-98b6-fe85707ffe7d";
constexpr size_t kVolumeHead = 56, kStoreHead = 28;
constexpr size_t kAuthenticatedHead = 60, kPlainHead = 32;
constexpr size_t kMaxVariables = 4096;
// Bits of a variable's state are cleared one after the other, as flash can be written.
constexpr uint8_t kAdded = 0x3f, kInTransition = 0x3e;
// UEFI 2.10 section 8.2: a write must be signed, with a count (old) or with a time.
constexpr uint32_t kSignedWrite = 0x10 | 0x20;

std::unexpected<Error> BadVariables(size_t offset, std::string_view why) {
  return Refused("trust.varstore-malformed", fmt::format("octet {}: {}", offset, why),
                 "read the flash image again; its size and first octets tell a cut");
}

bool IsVolume(ByteView data) {
  return data.size() >= kVolumeHead && AsText(data.subspan(40, 4)) == "_FVH" &&
         GuidText(data.subspan(16, 16)) == kNvData;
}

// NameOf is UCS-2 up to its zero, as UTF-8; what is beyond ASCII or no character is escaped, since
// names decide what is read and nothing of ours has such a name.
std::string NameOf(ByteView ucs2) {
  std::string out;
  for (size_t i = 0; i + 1 < ucs2.size(); i += 2) {
    const uint16_t c = Little16(ucs2, i);
    if (c == 0) break;
    if (c >= 0x20 && c < 0x7f) {
      out += static_cast<char>(c);
    } else {
      out += fmt::format("\\u{:04x}", c);
    }
  }
  return out;
}

size_t Aligned(size_t n) { return (n + 3) & ~size_t{3}; }

struct StoreFrame {
  ByteView body;      // the store with its head, cut at its size
  size_t offset = 0;  // of the store in the image
  bool authenticated = false;
};

Result<StoreFrame> FrameOfVolume(ByteView image) {
  if (!IsVolume(image)) return BadVariables(0, "no firmware volume of variables begins here");
  const uint64_t length = Little64(image, 32);
  const size_t head = Little16(image, 48);
  if (length > image.size() || head < kVolumeHead || head % 2 != 0 || head + kStoreHead > length)
    return BadVariables(
        32, fmt::format("a volume of {} octets in an image of {}", length, image.size()));
  if (length > kMaxStore) return Refused("trust.too-large", "a volume is larger than 16 MiB");
  uint16_t sum = 0;
  for (size_t i = 0; i < head; i += 2) sum = static_cast<uint16_t>(sum + Little16(image, i));
  if (sum != 0) return BadVariables(50, "the volume's checksum is wrong");
  const ByteView body = image.subspan(head, length - head);
  const std::string kind = GuidText(body.first(16));
  if (kind != kAuthenticatedStore && kind != kPlainStore)
    return BadVariables(head, "a variable store of unknown kind " + kind);
  const size_t size = Little32(body, 16);
  if (size < kStoreHead || size > body.size())
    return BadVariables(head + 16, "the variable store is larger than its volume");
  // 5A FE: formatted and healthy; anything else is a store that was being made.
  if (body[20] != 0x5a || body[21] != 0xfe)
    return BadVariables(head + 20, "the variable store is not formatted and healthy");
  return StoreFrame{body.first(size), head, kind == kAuthenticatedStore};
}

}  // namespace

bool LooksLikeVariableStore(ByteView data) { return IsVolume(data); }

Result<VariableStore> ReadVariables(ByteView image) {
  BM_TRY(StoreFrame frame, FrameOfVolume(image));
  VariableStore out;
  const ByteView body = frame.body;
  const size_t head = frame.authenticated ? kAuthenticatedHead : kPlainHead;
  const size_t sizes = frame.authenticated ? 36 : 8;
  // A variable on its way out is in force until its successor is whole.
  std::map<std::pair<std::string, std::string>, UefiVariable> leaving;
  for (size_t at = Aligned(kStoreHead); at + head <= body.size();) {
    if (Little16(body, at) != 0x55aa) break;  // blank flash follows
    const uint8_t state = body[at + 2];
    const size_t name_size = Little32(body, at + sizes);
    const size_t data_size = Little32(body, at + sizes + 4);
    const size_t room = body.size() - at - head;
    if (out.variables.size() + out.deleted == kMaxVariables || name_size > room ||
        data_size > room - name_size) {
      out.findings.Error(
          "trust.varstore-malformed",
          fmt::format("octet {}: a variable that does not fit; what follows was not read",
                      frame.offset + at),
          "read the flash image again");
      break;
    }
    UefiVariable v;
    v.attributes = Little32(body, at + 4);
    v.authenticated = (v.attributes & kSignedWrite) != 0;
    v.vendor = GuidText(body.subspan(at + sizes + 8, 16));
    v.name = NameOf(body.subspan(at + head, name_size));
    v.data = body.subspan(at + head + name_size, data_size);
    at = Aligned(at + head + name_size + data_size);
    if (state == kAdded) {
      out.variables.push_back(std::move(v));
    } else {
      ++out.deleted;
      if (state == kInTransition) leaving[{v.name, v.vendor}] = std::move(v);
    }
  }
  for (auto& [key, v] : leaving) {
    const bool replaced = std::ranges::any_of(out.variables, [&](const UefiVariable& o) {
      return o.name == key.first && o.vendor == key.second;
    });
    if (replaced) continue;
    out.variables.push_back(std::move(v));
    --out.deleted;
  }
  return out;
}

Result<Store> ReadVariableStore(ByteView image) {
  BM_TRY(VariableStore variables, ReadVariables(image));
  Store store;
  store.format = Format::kVariableStore;
  store.findings = std::move(variables.findings);
  static constexpr std::string_view kLists[] = {"PK",  "KEK", "db",      "dbx",
                                                "dbt", "dbr", "MokList", "MokListX"};
  bool platform_key = false;
  for (const UefiVariable& v : variables.variables) {
    if (std::ranges::find(kLists, v.name) == std::end(kLists)) continue;
    auto lists = ReadSignatureLists(v.data, v.name);
    if (!lists) {
      store.findings.Error(lists.error().code, v.name + ": " + lists.error().message,
                           lists.error().fix);
      continue;
    }
    if (v.name == "PK") platform_key = !lists->anchors.empty();
    for (Finding f : lists->findings.all()) {
      f.message = v.name + ": " + f.message;
      store.findings.Add(std::move(f));
    }
    for (TrustAnchor& a : lists->anchors) store.anchors.push_back(std::move(a));
  }
  if (!platform_key) {
    // UEFI 2.10 section 32.3: without a platform key the keys are written without a signature.
    store.findings.Warn("trust.setup-mode", "there is no platform key: anybody can enrol keys",
                        "enrol a PK");
  }
  return store;
}

}  // namespace birthmark::trust
