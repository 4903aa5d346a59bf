// SPDX-License-Identifier: Apache-2.0
// What a station's people type and what stations and servers send each other: whatever is taken is
// written again to the same octets, and no file is carried outside its folder.
#include "app/station_file.h"
#include "app/station_wire.h"
#include "fuzz/fuzz.h"

namespace {

template <class M>
void Message(birthmark::ByteView body) {
  using namespace birthmark;
  auto m = app::ReadMessage<M>(body, app::kMaxStationRequest);
  if (m) FUZZ_CHECK(cbor::ToCbor(*m) == Bytes(body.begin(), body.end()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  const ByteView body(data, size);
  const std::string_view text = AsText(body);
  Message<app::JoinRequest>(body);
  Message<app::JoinReply>(body);
  Message<app::RenewRequest>(body);
  Message<app::RenewReply>(body);
  Message<app::PushReply>(body);
  if (auto code = app::ParseJoinCode(text))
    FUZZ_CHECK(text.find(app::FormatJoinCode(*code)) != text.npos);
  if (auto file = app::ParseStationFile(text)) {
    auto again = app::ParseStationFile(app::FormatStationFile(*file));
    FUZZ_CHECK(again && again->server == file->server && again->link == file->link);
  }
  if (app::CheckCarriedName(text)) {
    const std::filesystem::path path =
        (std::filesystem::path("/station") / text).lexically_normal();
    FUZZ_CHECK(path.string().starts_with("/station/"));
    FUZZ_CHECK(!path.string().starts_with("/station/keys"));
  }
  return 0;
}
