// SPDX-License-Identifier: Apache-2.0
#include "app/trials_tls.h"

#include <algorithm>
#include <map>

#include "anchors/trial_server.h"
#include "base/files.h"
#include "cbor/reflect.h"
#include "crypto/software_signer.h"

namespace birthmark::app {
namespace {

using Key = anchors::TrialServer::Key;

constexpr size_t kMaxServerKit = 4 * 1024 * 1024;
constexpr int kMaxRounds = 16;  // of octets there and back in a handshake; TLS 1.2 takes three
// Verdicts of the device (device/core/verify.h).
constexpr uint64_t kWrongLevel = 9;

// ServerKit is the servers for one anchor. Their keys stand once, by the vocabulary's word.
struct ServerKit {
  struct Server {
    std::vector<Bytes> chain;
    std::string host;
    std::string key;  // "anchor", "nobody", or one of `keys`
    anchors::TrialSpec spec;
    Bytes digest;
    template <class V>
    void Fields(V& v) {
      v("key", key);
      v("host", host);
      v("spec", spec);
      v("chain", chain);
      v("digest", digest);
    }
  };
  struct NamedKey {
    std::string name;
    Bytes pkcs8;
    template <class V>
    void Fields(V& v) {
      v("name", name);
      v("pkcs8", pkcs8);
    }
  };
  std::string anchor;
  std::vector<NamedKey> keys;
  std::vector<Server> servers;
  template <class V>
  void Fields(V& v) {
    v("keys", keys);
    v("anchor", anchor);
    v("servers", servers);
  }
};

fs::path ServerKitFile(const Layout& layout, const std::string& anchor) {
  return layout.trials() / (anchor + ".servers");
}

Result<std::optional<ServerKit>> ReadServerKit(const Layout& layout, const std::string& anchor) {
  const fs::path file = ServerKitFile(layout, anchor);
  if (!fs::exists(file)) return std::nullopt;
  BM_TRY(Bytes bytes, ReadFile(file, kMaxServerKit));
  Result<ServerKit> kit = cbor::FromCbor<ServerKit>(bytes);
  if (!kit) return Refused("trial.kit", file.string() + ": " + kit.error().message);
  return std::optional(std::move(*kit));
}

// ServerKeys are the keys that the servers of one kit sign with.
class ServerKeys {
 public:
  static Result<ServerKeys> Open(const ServerKit& kit, const TrialRun& run,
                                 const plan::Anchor& anchor) {
    ServerKeys out;
    for (const ServerKit::NamedKey& k : kit.keys) {
      const uint8_t* p = k.pkcs8.data();
      crypto::EvpKeyPtr key(d2i_AutoPrivateKey(nullptr, &p, static_cast<long>(k.pkcs8.size())));
      if (!key) return std::unexpected(crypto::OpenSslError("trial.kit", "reading a trial key"));
      out.keys_.emplace(k.name, std::move(key));
    }
    const auto chain = anchor.pki ? run.signers.find(*anchor.pki) : run.signers.end();
    if (chain == run.signers.end() || chain->second.root) return out;
    BM_TRY(out.signer_, run.keys.Open(chain->second.key_id));
    return out;
  }
  // Of gives a server's key; null where only a signature is to be had, not the key.
  EVP_PKEY* Of(const std::string& name) const {
    if (name == "anchor") {
      const auto* software = dynamic_cast<const crypto::SoftwareSigner*>(signer_.get());
      return software == nullptr ? nullptr : software->evp();
    }
    const auto it = keys_.find(name);
    return it == keys_.end() ? nullptr : it->second.get();
  }

 private:
  std::map<std::string, crypto::EvpKeyPtr, std::less<>> keys_;
  std::unique_ptr<crypto::Signer> signer_;  // the anchor's own, where the anchor is a bare key
};

// Shake carries octets between the device and a server until one of them has nothing to say.
Result<link::TlsStep> Shake(link::DeviceConsole& console, anchors::TrialTlsServer& server,
                            link::TlsStep step) {
  for (int round = 0; round < kMaxRounds && step.state == "handshake"; ++round) {
    BM_TRY(Bytes answer, server.Feed(step.out));
    if (answer.empty()) break;
    BM_TRY(step, console.TlsPump(answer));
  }
  return step;
}

}  // namespace

Status MakeServerKit(const Layout& layout, const plan::Anchor& anchor,
                     const anchors::TrialBasis& basis, anchors::TrialSetup setup,
                     anchors::TrialKeys& keys, Rng& rng) {
  if (anchor.eku.empty()) setup.eku = "1.3.6.1.5.5.7.3.1";  // id-kp-serverAuth, RFC 5280
  // A device with a clock looks at servers' dates, and a line may run long after init.
  setup.lifetime = std::chrono::hours(24 * 3650);
  if (const auto names = anchors::DnsSubtreesOf(anchor); !names.empty()) {
    setup.host = "trial." + names.front();
    setup.elsewhere = "trial.elsewhere.example";
  }
  anchors::TrialBuilder builder(std::move(setup), keys, rng);
  ServerKit kit{.anchor = anchor.id, .keys = {}, .servers = {}};
  for (const anchors::TrialSpec& spec : anchors::PlanTrials(basis)) {
    BM_TRY(anchors::TrialServer server, builder.BuildServer(spec));
    const anchors::TrialAlgorithm& algorithm = *anchors::FindTrialAlgorithm(spec.algorithm);
    std::string key(algorithm.key);
    if (server.key == Key::kAnchor) key = "anchor";
    if (server.key == Key::kTrial &&
        std::ranges::find(kit.keys, key, &ServerKit::NamedKey::name) == kit.keys.end()) {
      BM_TRY(SecretBytes pkcs8, keys.Pkcs8(algorithm));
      const ByteView octets = pkcs8.Read(SecretAccess{});
      kit.keys.push_back({key, Bytes(octets.begin(), octets.end())});
    }
    if (server.key == Key::kNobody) key = "nobody";
    kit.servers.push_back({.chain = std::move(server.chain),
                           .host = std::move(server.host),
                           .key = std::move(key),
                           .spec = spec,
                           .digest = Bytes(server.digest.begin(), server.digest.end())});
  }
  return WriteFileAtomic(ServerKitFile(layout, anchor.id), cbor::ToCbor(kit), 0600);
}

Result<std::optional<ledger::TrialsRun>> TryServers(const Layout& layout, const TrialRun& run,
                                                    const plan::Anchor& anchor,
                                                    link::DeviceConsole& console,
                                                    const std::string& unit) {
  BM_TRY(std::optional<ServerKit> kit, ReadServerKit(layout, anchor.id));
  if (!kit) return std::nullopt;
  BM_TRY(const ServerKeys keys, ServerKeys::Open(*kit, run, anchor));
  ledger::TrialsRun out{.unit = unit, .anchor = anchor.id, .results = {}, .verifier = ""};
  for (const ServerKit::Server& s : kit->servers) {
    // Who shows another's certificate has a key and a certificate of his own behind it.
    const bool shown = s.key == "nobody";
    const ServerKit::Server& own = shown ? kit->servers.back() : s;
    EVP_PKEY* key = keys.Of(own.key);
    if (key == nullptr) continue;
    BM_TRY(auto server, anchors::TrialTlsServer::Make(
                            {.chain = own.chain,
                             .key = key,
                             .signature = anchors::OpenSslSignature(own.spec.algorithm),
                             .flip = s.spec.tampered,
                             .shown = shown ? s.chain : std::vector<Bytes>{}}));
    BM_TRY(link::TlsStep step, console.TlsOpen(anchor.id, s.host));
    if (!step.verifier.empty()) out.verifier = step.verifier;
    BM_TRY(step, Shake(console, *server, std::move(step)));
    // Without the anchor's key only a refused level says something about levels.
    if (shown && step.verdict != kWrongLevel) continue;
    anchors::TrialResult result{.spec = s.spec,
                                .object = {},
                                .verdict = step.text,
                                .accepted = step.accepted && step.state == "open"};
    std::ranges::copy(s.digest, result.object.begin());
    out.results.push_back(cbor::ToValue(result));
  }
  BM_CHECK(console.TlsClose());
  return out;
}

Result<size_t> ServersInKit(const Layout& layout, const std::string& anchor) {
  BM_TRY(std::optional<ServerKit> kit, ReadServerKit(layout, anchor));
  return kit ? kit->servers.size() : 0;
}

}  // namespace birthmark::app
