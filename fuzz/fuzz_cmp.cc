// SPDX-License-Identifier: Apache-2.0
// CMP in two ways, by the first octet. Octets as they come over HTTP: nobody who knows no secret
// gets past the protection. Bodies of messages whose header and protection are right, one after
// another: every answer is a protected message, whatever the bodies hold.
#include <memory>

#include "enroll/cmp/cmp.h"
#include "enroll/cmp/test_client.h"
#include "enroll/cmp/transactions.h"
#include "fuzz/fuzz.h"

namespace {

using namespace birthmark;
using namespace birthmark::enroll;

struct World {
  World() {
    desk.AddToken("tok1", "no seed knows it");
    handler = std::move(*cmp::Cmp::Make(desk, {}));
  }
  TestDesk desk;
  std::unique_ptr<cmp::Cmp> handler;
  int runs = 0;
};

World& TheWorld() {
  static std::unique_ptr<World> world;
  if (world == nullptr || ++world->runs > 2000) world = std::make_unique<World>();
  return *world;
}

void Raw(ByteView in) {
  World& w = TheWorld();
  const size_t before = w.desk.enrolments.size();
  const HttpResponse r = cmp::test::Post(*w.handler, Bytes(in.begin(), in.end()));
  FUZZ_CHECK(r.status == 200 || r.status == 400 || r.status == 413);
  FUZZ_CHECK((r.status == 200) == !r.body.empty());
  if (r.status == 200) FUZZ_CHECK(cmp::ReadMessage(r.body)->type == cmp::Body::kError);
  FUZZ_CHECK(w.desk.enrolments.size() == before);
  if (auto t = cmp::DecodeTransaction(in))
    FUZZ_CHECK(cmp::DecodeTransaction(cmp::EncodeTransaction(*t)));
}

// Type, two octets of length, content; again and again.
void Protected(ByteView in) {
  World& w = TheWorld();
  cmp::test::TestClient client("tok1", "no seed knows it");
  client.iterations = 100;
  client.NewTransaction();
  w.desk.wait = in.size() % 3 == 0 ? 1 : 0;
  for (int messages = 0; in.size() >= 3 && messages < 4; ++messages) {
    const auto type = static_cast<cmp::Body>(in[0] % 27);
    const size_t n = std::min<size_t>(in[1] << 8 | in[2], in.size() - 3);
    const Bytes message = client.Write(type, in.subspan(3, n));
    in = in.subspan(3 + n);
    const bool is_message = cmp::ReadMessage(message).has_value();
    HttpResponse r = cmp::test::Post(*w.handler, message);
    FUZZ_CHECK(r.status == (is_message ? 200 : 400));
    if (!is_message) continue;
    const cmp::test::Got got = client.Read(std::move(r));
    FUZZ_CHECK(got.is_protected && got.by_mac);
    const ByteView nonce = got.message.header.sender_nonce;
    client.recipient_nonce.assign(nonce.begin(), nonce.end());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const ByteView in(data + 1, size - 1);
  if (data[0] % 2 == 0) {
    Raw(in);
  } else {
    Protected(in);
  }
  return 0;
}
