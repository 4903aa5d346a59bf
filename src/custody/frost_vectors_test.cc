// SPDX-License-Identifier: Apache-2.0
// The vectors that the authors of RFC 9591 publish for FROST(Ed25519, SHA-512).
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "custody/frost.h"
#include "custody/group.h"
#include "custody/test_custody.h"
#include "tests/support/vectors.h"

namespace birthmark::custody {
namespace {

Bytes Hex(const nlohmann::json& j) { return FromHex(j.get<std::string>()).value(); }

// AsShare gives a published share our frame, which the algorithm does not see.
Share AsShare(uint16_t index, ByteView value, const Bytes& key) {
  return {.set = Bytes(16, 1),
          .index = index,
          .value = SecretBytes::Take(Bytes(value.begin(), value.end())),
          .key = key};
}

TEST(FrostVectorsTest, EveryValueIsTheAuthors) {
  if (!test::VectorsPresent("frost/poc/frost-ed25519-sha512.json")) return;
  std::ifstream in(test::VectorsDir() / "frost/poc/frost-ed25519-sha512.json");
  const nlohmann::json v = nlohmann::json::parse(in);
  const auto& inputs = v["inputs"];
  const Bytes key = Hex(inputs["group_public_key"]), message = Hex(inputs["message"]);
  const Scalar secret = Scalar::FromOctets(Hex(inputs["group_secret_key"])).value();
  EXPECT_EQ(Point::Base(secret).ToBytes(), key);

  Polynomial p = {secret};
  for (const auto& c : inputs["share_polynomial_coefficients"])
    p.push_back(Scalar::FromOctets(Hex(c)).value());
  ShareSet set{.set = Bytes(16, 1), .threshold = static_cast<uint16_t>(p.size()), .key = key};
  std::map<uint16_t, Bytes> values;
  for (const auto& s : inputs["participant_shares"]) {
    const auto index = s["identifier"].get<uint16_t>();
    values[index] = Hex(s["participant_share"]);
    EXPECT_EQ(ValueAt(p, index).ToPublic(), values[index]);
    set.holders.push_back(
        {index, Point::Base(Scalar::FromOctets(values[index]).value()).ToBytes()});
  }
  EXPECT_TRUE(CheckSet(set));

  std::map<uint16_t, SigningNonces> nonces;
  std::vector<SigningCommitment> commitments;
  for (const auto& o : v["round_one_outputs"]["outputs"]) {
    const auto index = o["identifier"].get<uint16_t>();
    SigningNonces n =
        CommitWith(AsShare(index, values[index], key), Hex(o["hiding_nonce_randomness"]),
                   Hex(o["binding_nonce_randomness"]))
            .value();
    const SecretBytes octets = n.ToOctets();
    const ByteView both = octets.Read(SecretAccess()).last(64);
    EXPECT_EQ(ToHex(both.first(32)), o["hiding_nonce"]);
    EXPECT_EQ(ToHex(both.last(32)), o["binding_nonce"]);
    EXPECT_EQ(ToHex(n.commitment().hiding), o["hiding_nonce_commitment"]);
    EXPECT_EQ(ToHex(n.commitment().binding), o["binding_nonce_commitment"]);
    commitments.push_back(n.commitment());
    nonces.emplace(index, std::move(n));
  }
  const SigningRequest request = MakeRequest(message, commitments, set).value();

  std::vector<PartialSignature> parts;
  for (const auto& o : v["round_two_outputs"]["outputs"]) {
    const auto index = o["identifier"].get<uint16_t>();
    parts.push_back(
        SignPartial(AsShare(index, values[index], key), std::move(nonces.at(index)), request)
            .value());
    EXPECT_EQ(ToHex(parts.back().value), o["sig_share"]);
    EXPECT_TRUE(CheckPartial(parts.back(), request, set));
  }
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(ToHex(Aggregate(request, parts, set).value()), v["final_output"]["sig"]);
}

}  // namespace
}  // namespace birthmark::custody
