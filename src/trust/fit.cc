// SPDX-License-Identifier: Apache-2.0
#include "trust/fit.h"

#include <fmt/format.h>
extern "C" {
#include <libfdt.h>
}

#include <algorithm>

#include "crypto/openssl.h"
#include "trust/key_parts.h"

namespace birthmark::trust {
namespace {

constexpr size_t kMaxKeys = 64;

std::unexpected<Error> BadTree(std::string_view why) {
  return Refused("trust.fit-malformed", fmt::format("not a device tree: {}", why),
                 "give the flattened tree (.dtb), as dtc and mkimage write it");
}

struct Property {
  const void* tree;
  int node;
  // Octets is a property's content; empty when it is not there.
  ByteView Octets(const char* name) const {
    int size = 0;
    const void* p = fdt_getprop(tree, node, name, &size);
    if (p == nullptr || size <= 0) return {};
    return {static_cast<const uint8_t*>(p), static_cast<size_t>(size)};
  }
  // Text is a property with one string in it; empty for anything else.
  std::string Text(const char* name) const {
    const ByteView b = Octets(name);
    if (b.empty() || b.back() != 0) return "";
    const std::string_view s = AsText(b.first(b.size() - 1));
    if (s.find('\0') != std::string_view::npos || s.size() > 256 || !IsUtf8(s)) return "";
    return std::string(s);
  }
};

ByteView WithoutZeros(ByteView b) {
  while (!b.empty() && b[0] == 0) b = b.subspan(1);
  return b;
}

// KeyOfNode makes a SubjectPublicKeyInfo from a node's numbers; empty when it has none.
Bytes KeyOfNode(const Property& p) {
  const ByteView modulus = WithoutZeros(p.Octets("rsa,modulus"));
  ByteView exponent = WithoutZeros(p.Octets("rsa,exponent"));
  static constexpr uint8_t kF4[] = {1, 0, 1};
  // U-Boot lib/rsa/rsa-verify.c: without the property the exponent is 65537.
  if (exponent.empty()) exponent = kF4;
  if (!modulus.empty() && modulus.size() <= 1024 && exponent.size() <= 8)
    return SpkiOfRsa(modulus, exponent);
  const std::string curve = p.Text("ecdsa,curve");
  const ByteView x = p.Octets("ecdsa,x-point"), y = p.Octets("ecdsa,y-point");
  const std::string_view oid = curve == "prime256v1"  ? kOidP256
                               : curve == "secp384r1" ? kOidP384
                               : curve == "secp521r1" ? kOidP521
                                                      : "";
  const size_t n = oid == kOidP256 ? 32 : oid == kOidP384 ? 48 : 66;
  if (oid.empty() || x.size() != n || y.size() != n) return {};
  return SpkiOfEc({std::string(oid), Bytes(x.begin(), x.end()), Bytes(y.begin(), y.end())});
}

void ReadKeyNode(const Property& p, const std::string& name, Store& store) {
  const std::string place = "/signature/" + name;
  const Bytes spki = KeyOfNode(p);
  auto a = AnchorOfKey(spki);
  if (spki.empty() || !a) {
    store.findings.Warn("trust.fit-key", place + " has no RSA or ECDSA key that can be read",
                        "make the node with mkimage -K");
    return;
  }
  a->place = place;
  a->title = p.Text("key-name-hint");
  if (a->title.empty()) a->title = name;
  const std::string required = p.Text("required");
  a->owner = required;
  if (required != "conf" && required != "image") {
    store.findings.Warn("trust.fit-not-required",
                        place +
                            " has no `required`: U-Boot tries this key and boots unsigned "
                            "images all the same",
                        "sign with mkimage -r, or export with required");
  }
  store.anchors.push_back(std::move(*a));
}

// MontgomeryNumbers is what U-Boot wants computed ahead: R^2 mod n with R = 2^bits, and
// -1/n mod 2^32. Source: U-Boot lib/rsa/rsa-sign.c.
struct MontgomeryNumbers {
  Bytes r_squared;
  uint32_t n0_inverse = 0;
};
Result<MontgomeryNumbers> MontgomeryOf(const Bytes& modulus) {
  MontgomeryNumbers out;
  const int bits = static_cast<int>(modulus.size() * 8);
  crypto::BignumPtr n(BN_bin2bn(modulus.data(), static_cast<int>(modulus.size()), nullptr));
  crypto::BignumPtr r(BN_new()), rest(BN_new());
  crypto::Owned<BN_CTX, BN_CTX_free> context(BN_CTX_new());
  out.r_squared.resize(modulus.size());
  if (!n || !r || !rest || !context || BN_set_bit(r.get(), 2 * bits) != 1 ||
      BN_mod(rest.get(), r.get(), n.get(), context.get()) != 1 ||
      BN_bn2binpad(rest.get(), out.r_squared.data(), static_cast<int>(out.r_squared.size())) < 0) {
    return std::unexpected(crypto::OpenSslError("key.encode", "computing R squared"));
  }
  // Newton: each step doubles the correct bits of 1/n, for odd n.
  const size_t last = modulus.size() - 4;
  uint32_t n0 = 0;
  for (size_t i = 0; i < 4; ++i) n0 = n0 << 8 | modulus[last + i];
  uint32_t inverse = n0;
  for (int i = 0; i < 5; ++i) inverse *= 2 - n0 * inverse;
  out.n0_inverse = 0U - inverse;
  return out;
}

// NodeName keeps what a node's name may have (Devicetree Specification 0.4 section 2.2.1).
std::string NodeName(const TrustAnchor& a, size_t number) {
  std::string out;
  for (char c : a.title) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    out += plain || c == '.' || c == '_' ? c : '-';
    if (out.size() == 24) break;
  }
  return out.empty() ? fmt::format("{}", number) : out;
}

class FitTree {
 public:
  explicit FitTree(size_t keys) : tree_(2048 + keys * 4096) {
    ok_ = fdt_create_empty_tree(tree_.data(), static_cast<int>(tree_.size())) == 0;
    if (ok_) signature_ = fdt_add_subnode(tree_.data(), 0, "signature");
    ok_ = ok_ && signature_ >= 0;
  }
  bool StartKey(const std::string& name) {
    node_ = ok_ ? fdt_add_subnode(tree_.data(), signature_, name.c_str()) : -1;
    return node_ >= 0;
  }
  // fdt_setprop puts new properties in front; the node's own offset stays.
  void Set(const char* name, ByteView value) {
    if (fdt_setprop(tree_.data(), node_, name, value.data(), static_cast<int>(value.size())) != 0)
      ok_ = false;
  }
  void Set(const char* name, const std::string& text) {
    Set(name, ByteView(reinterpret_cast<const uint8_t*>(text.c_str()), text.size() + 1));
  }
  void Number(const char* name, uint32_t n) {
    const fdt32_t big = cpu_to_fdt32(n);
    Set(name, ByteView(reinterpret_cast<const uint8_t*>(&big), sizeof big));
  }
  Result<Bytes> Finish() {
    if (!ok_ || fdt_pack(tree_.data()) != 0)
      return Internal("key.encode", "the device tree could not be made");
    tree_.resize(fdt_totalsize(tree_.data()));
    return std::move(tree_);
  }

 private:
  Bytes tree_;
  int signature_ = -1, node_ = -1;
  bool ok_ = false;
};

Status AddRsa(FitTree& tree, const TrustAnchor& a, const RsaNumbers& key) {
  const size_t bits = key.modulus.size() * 8;
  if ((bits != 2048 && bits != 3072 && bits != 4096) || key.exponent.size() > 8 ||
      (key.modulus.back() & 1) == 0) {
    return CannotCarry(Format::kFit, a, fmt::format("U-Boot verifies no RSA of {} bits", bits),
                       "use a key of 2048, 3072 or 4096 bits");
  }
  BM_TRY(MontgomeryNumbers numbers, MontgomeryOf(key.modulus));
  Bytes exponent(8 - key.exponent.size());
  exponent.insert(exponent.end(), key.exponent.begin(), key.exponent.end());
  tree.Set("rsa,r-squared", numbers.r_squared);
  tree.Set("rsa,modulus", key.modulus);
  tree.Set("rsa,exponent", exponent);
  tree.Number("rsa,n0-inverse", numbers.n0_inverse);
  tree.Number("rsa,num-bits", static_cast<uint32_t>(bits));
  tree.Set("algo", fmt::format("sha256,rsa{}", bits));
  return {};
}

Status AddEc(FitTree& tree, const TrustAnchor& a, const EcNumbers& key) {
  if (key.curve == kOidP521)
    return CannotCarry(Format::kFit, a, "U-Boot verifies P-256 and P-384", "use another key");
  const bool p256 = key.curve == kOidP256;
  tree.Set("ecdsa,y-point", key.y);
  tree.Set("ecdsa,x-point", key.x);
  tree.Set("ecdsa,curve", std::string(p256 ? "prime256v1" : "secp384r1"));
  tree.Set("algo", std::string(p256 ? "sha256,ecdsa256" : "sha384,ecdsa384"));
  return {};
}

}  // namespace

bool LooksLikeDeviceTree(ByteView data) {
  return data.size() >= 40 && fdt_magic(data.data()) == FDT_MAGIC &&
         fdt_totalsize(data.data()) <= data.size();
}

Result<Store> ReadFitKeys(ByteView data) {
  if (data.size() > kMaxStore) return Refused("trust.too-large", "a tree larger than 16 MiB");
  if (!LooksLikeDeviceTree(data)) return BadTree("its magic or size is wrong");
  // fdt_check_full walks the whole tree, and libfdt wants it aligned.
  const Bytes tree(data.begin(), data.begin() + fdt_totalsize(data.data()));
  if (const int e = fdt_check_full(tree.data(), tree.size()); e != 0)
    return BadTree(fdt_strerror(e));
  Store store;
  store.format = Format::kFit;
  const int signature = fdt_path_offset(tree.data(), "/signature");
  if (signature < 0) return store;
  size_t keys = 0;
  int node = 0;
  fdt_for_each_subnode(node, tree.data(), signature) {
    if (++keys > kMaxKeys) {
      store.findings.Error("trust.too-large", "more than 64 keys; the rest was not read");
      break;
    }
    int length = 0;
    const char* name = fdt_get_name(tree.data(), node, &length);
    if (name == nullptr || length <= 0 || length > 256 || !IsUtf8({name, size_t(length)})) continue;
    ReadKeyNode({tree.data(), node}, std::string(name, static_cast<size_t>(length)), store);
  }
  return store;
}

Result<Bytes> WriteFitKeys(const std::vector<TrustAnchor>& anchors, FitRequired required) {
  if (anchors.size() > kMaxKeys)
    return Refused("trust.cannot-carry", "a device tree of more than 64 keys",
                   "name the anchors that U-Boot needs");
  FitTree tree(anchors.size());
  std::vector<std::string> names;
  // libfdt puts new nodes in front, so that the last one is made first.
  for (size_t i = anchors.size(); i-- > 0;) {
    const TrustAnchor& a = anchors[i];
    std::string name = NodeName(a, i + 1);
    while (std::ranges::find(names, name) != names.end()) name += fmt::format("-{}", i + 1);
    names.push_back(name);
    auto rsa = RsaParts(a.spki);
    auto ec = EcParts(a.spki);
    if (!rsa && !ec) {
      return CannotCarry(Format::kFit, a, "U-Boot verifies FIT images with RSA and ECDSA keys",
                         "sign the images under another anchor");
    }
    if (!tree.StartKey("key-" + name))
      return Internal("key.encode", "a key's node could not be made");
    BM_CHECK(rsa ? AddRsa(tree, a, *rsa) : AddEc(tree, a, *ec));
    tree.Set("key-name-hint", name);
    if (required != FitRequired::kNothing)
      tree.Set("required", std::string(required == FitRequired::kImage ? "image" : "conf"));
  }
  return tree.Finish();
}

}  // namespace birthmark::trust
