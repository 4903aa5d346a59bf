// SPDX-License-Identifier: Apache-2.0
// The life of the DNS root's key signing keys, as far as it is documented. Digests and the days
// from which a key may be trusted are root-anchors.xml's (validFrom); the rest is named row by row.
// docs/dnssec-root.md lists the sources.
#include "anchors/dnssec.h"
#include "anchors/rfc5011.h"

namespace birthmark::anchors {
namespace {

// The newest sources read are of the summer of 2026: what is dated later was announced in them, and
// no report of it was read.
constexpr std::string_view kLastSource = "2026-10-01";

Time OnDay(std::string_view text) { return ParseTime(text).value_or(Time{}); }

}  // namespace

const std::vector<RootKey>& RootKeys() {
  static const std::vector<RootKey> keys = {
      // The root was first signed in July 2010 (validFrom); signed with until 2018-10-11 16:00 UTC;
      // published with the REVOKE bit on 2019-01-11 14:00 UTC, its tag then 19164; not in the zone
      // since 2019-03-22. Sources: ICANN's mails to nanog (2017-09-15), dns-operations (2019-01-11)
      // and ksk-rollover (2019-04-24).
      {.name = "KSK-2010",
       .tag = 19036,
       .sha256 = "49AAC11D7B6F6446702E54A1607371607A1A41855200FD2CE1CDDE32F24E8FB5",
       .key = "AwEAAagAIKlVZrpC6Ia7gEzahOR+9W29euxhJhVVLOyQbSEW0O8gcCjFFVQUTf6v58fLjwBd0YI0EzrA"
              "cQqBGCzh/RStIoO8g0NfnfL2MTJRkxoXbfDaUeVPQuYEhg37NZWAJQ9VnMVDxP/VHL496M/QZxkjf5/E"
              "fucp2gaDX6RS6CXpoY68LsvPVjR0ZSwzz1apAzvN9dlzEheX7ICJBBtuA6G3LQpzW5hOA2hzCTMjJPJ8"
              "LbqF6dsV6DoBQzgul0sGIcGOYl7OyQdXfZ57relSQageu+ipAdTTJ25AsRTAoub8ONGcLmqrAmRLKBP1"
              "dfwhYB4N7knNnulqQxA+Uk1ihz0=",
       .published = OnDay("2010-07-15"),
       .in_zone = OnDay("2010-07-15"),
       .signs_from = OnDay("2010-07-15"),
       .signs_until = OnDay("2018-10-11T16:00:00Z"),
       .revoked = OnDay("2019-01-11T14:00:00Z"),
       .removed = OnDay("2019-03-22")},
      // Published with validFrom; in the zone on the day of ICANN's operational plan of 2016-07-22;
      // the hand-over of 2018 is told above. End and revocation: ICANN's announcement of
      // 2026-05-20.
      // No day of its removal is announced.
      {.name = "KSK-2017",
       .tag = 20326,
       .sha256 = "E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D",
       .key = "AwEAAaz/tAm8yTn4Mfeh5eyI96WSVexTBAvkMgJzkKTOiW1vkIbzxeF3+/4RgWOq7HrxRixHlFlExOLA"
              "Jr5emLvN7SWXgnLh4+B5xQlNVz8Og8kvArMtNROxVQuCaSnIDdD5LKyWbRd2n9WGe2R8PzgCmr3EgVLr"
              "jyBxWezF0jLHwVN8efS3rCj/EWgvIWgb9tarpVUDK/b58Da+sqqls3eNbuv7pr+eoZG+SrDK6nWeL3c6"
              "H5Apxz7LjVc1uTIdsIXxuOLYA4/ilBmSVIzuDWfdRUfhHdY6+cn8HFRm+2hM8AnXGXws9555KrUB5qih"
              "ylGa8subX2Nn6UwNR1AkUTV74bU=",
       .published = OnDay("2017-02-02"),
       .in_zone = OnDay("2017-07-11"),
       .signs_from = OnDay("2018-10-11T16:00:00Z"),
       .signs_until = OnDay("2026-10-11"),
       .revoked = OnDay("2027-01-11"),
       .removed = std::nullopt},
      // validFrom is 2024-07-18; it was published to the world at the start of November 2024, and
      // stands in the zone since 2025-01-11 (SIDN). It signs from the day of the announcement on.
      {.name = "KSK-2024",
       .tag = 38696,
       .sha256 = "683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16",
       .key = "AwEAAa96jeuknZlaeSrvyAJj6ZHv28hhOKkx3rLGXVaC6rXTsDc449/cidltpkyGwCJNnOAlFNKF2jBo"
              "sZBU5eeHspaQWOmOElZsjICMQMC3aeHbGiShvZsx4wMYSjH8e7Vrhbu6irwCzVBApESjbUdpWWmEnhat"
              "hWu1jo+siFUiRAAxm9qyJNg/wOZqqzL/dL/q8PkcRU5oUKEpUge71M3ej2/7CPqpdVwuMoTvoB+ZOT4Y"
              "eGyxMvHmbrxlFzGOHOijtzN+u1TQNatX2XBuzZNQ1K+s2CXkPIZo7s6JgZyvaBevYtxPvYLw4z9mR7K2"
              "vaF18UYH9Z9GNUUeayffKC73PYc=",
       .published = OnDay("2024-11-01"),
       .in_zone = OnDay("2025-01-11"),
       .signs_from = OnDay("2026-10-11"),
       .signs_until = std::nullopt,
       .revoked = std::nullopt,
       .removed = std::nullopt},
  };
  return keys;
}

Dnskey RootKey::Record() const {
  return {.flags = 257, .algorithm = 8, .key = FromBase64(key).value_or(Bytes{})};
}

bool IsAnnounced(Time at) { return at >= OnDay(kLastSource); }

KeySet RootKeySetAt(Time at) {
  KeySet set;
  // The TTL of the root's DNSKEY set. Its signatures outlive four days by far, so that half the
  // TTL, one day, is what decides how often a validator asks; ten days stand for them here.
  set.original_ttl = std::chrono::hours(48);
  set.signatures_left = std::chrono::days(10);
  for (const RootKey& k : RootKeys()) {
    if (at < k.in_zone || (k.removed && at >= *k.removed)) continue;
    SeenKey seen{.key = k.Record(), .signs = at >= k.signs_from};
    if (k.signs_until && at >= *k.signs_until) seen.signs = false;
    if (k.revoked && at >= *k.revoked) {
      seen.key.flags |= kRevokeFlag;
      seen.signs = true;  // RFC 5011 section 2.1: a revocation is signed by the key it revokes
    }
    set.keys.push_back(std::move(seen));
  }
  return set;
}

}  // namespace birthmark::anchors
