// SPDX-License-Identifier: Apache-2.0
#include "artifact/fit.h"

#include <fmt/format.h>
#include <libfdt.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <tuple>

#include "crypto/digest.h"
#include "crypto/ecdsa_form.h"
#include "crypto/pss.h"

namespace birthmark::artifact {
namespace {

constexpr uint32_t kMagic = 0xd00dfeed;
constexpr int kMaxDepth = 32;
// Room for the signature's node: names, hashed-nodes, value.
constexpr size_t kRoom = 16384;

std::unexpected<Error> BadFit(std::string what) { return BadArtifact(Kind::kFit, std::move(what)); }

struct FitAlgorithm {
  crypto::Algorithm key;
  std::string_view name;
  size_t size;  // of the signature
};
constexpr FitAlgorithm kFitAlgorithms[] = {
    {crypto::Algorithm::kRsa2048, "sha256,rsa2048", 256},
    {crypto::Algorithm::kRsa3072, "sha256,rsa3072", 384},
    {crypto::Algorithm::kRsa4096, "sha256,rsa4096", 512},
    {crypto::Algorithm::kEcdsaP256, "sha256,ecdsa256", 64},
};

// Tree is a device tree that was checked.
class Tree {
 public:
  static Result<Tree> Of(ByteView file) {
    if (!LooksLikeFit(file)) return BadFit("no flattened device tree");
    if (file.size() > kMaxImage) return BadFit("it is larger than any image");
    if (fdt_check_full(file.data(), file.size()) != 0)
      return BadFit("the tree does not hold together");
    return Tree(file.data());
  }
  explicit Tree(const void* fdt) : fdt_(fdt) {}

  const void* fdt() const { return fdt_; }
  int Node(const std::string& path) const {
    return fdt_path_offset_namelen(fdt_, path.c_str(), static_cast<int>(path.size()));
  }
  std::optional<ByteView> Property(int node, const char* name) const {
    int size = 0;
    const void* data = fdt_getprop(fdt_, node, name, &size);
    if (data == nullptr) return std::nullopt;
    return ByteView(static_cast<const uint8_t*>(data), static_cast<size_t>(size));
  }
  // Texts are the zero-ended texts of a property.
  std::vector<std::string> Texts(int node, const char* name) const {
    std::vector<std::string> out;
    const auto data = Property(node, name);
    if (!data || data->empty() || data->back() != 0) return out;
    for (std::string_view rest = AsText(*data); !rest.empty();) {
      const size_t end = rest.find('\0');
      out.emplace_back(rest.substr(0, end));
      rest.remove_prefix(end + 1);
    }
    return out;
  }
  std::string Text(int node, const char* name) const {
    const auto all = Texts(node, name);
    return all.size() == 1 ? all.front() : "";
  }
  std::string NameOf(int node) const {
    int size = 0;
    const char* name = fdt_get_name(fdt_, node, &size);
    return name == nullptr ? "" : std::string(name, static_cast<size_t>(size));
  }

 private:
  const void* fdt_;
};

Result<std::string> ConfigurationOf(const Tree& t, const std::string& wanted) {
  const int all = t.Node("/configurations");
  if (all < 0) return BadFit("it has no configurations");
  const std::string name = wanted.empty() ? t.Text(all, "default") : wanted;
  if (name.empty() || name.find('/') != name.npos) return BadFit("no configuration is the default");
  std::string path = "/configurations/" + name;
  if (t.Node(path) < 0) return BadFit(fmt::format("it has no {}", path));
  return path;
}

// CheckHash compares an image's data with its hash node.
Status CheckHash(const Tree& t, int image, int hash, const std::string& path) {
  const auto data = t.Property(image, "data");
  const auto value = t.Property(hash, "value");
  if (!data || !value)
    return BadFit(fmt::format("{} has no data inside, or no hash: make it with mkimage -f", path));
  if (t.Text(hash, "algo") != "sha256")
    return BadFit(fmt::format("{} has no hash-1 with algo = \"sha256\"", path));
  const Digest digest = crypto::Sha256(*data);
  if (!std::ranges::equal(digest, *value)) {
    return Refused("artifact.content", path + ": the data is not that of its hash",
                   "make the FIT again");
  }
  return {};
}

// HashedNodes is what a configuration's signature covers: the root, the configuration, each image
// that it names, and their hashes.
Result<std::vector<std::string>> HashedNodes(const Tree& t, const std::string& configuration) {
  const int conf = t.Node(configuration);
  std::vector<std::string> images;
  for (const char* kind : {"kernel", "fdt", "ramdisk", "firmware", "loadables", "fpga", "script"}) {
    for (std::string& name : t.Texts(conf, kind)) images.push_back(std::move(name));
  }
  if (images.empty()) return BadFit(configuration + " names no image");
  std::vector<std::string> out = {"/", configuration};
  std::set<std::string> seen;
  for (const std::string& name : images) {
    const std::string path = "/images/" + name;
    const int image = t.Node(path);
    if (image < 0 || name.find('/') != name.npos)
      return BadFit(fmt::format("{} names {}, which is not there", configuration, path));
    if (!seen.insert(path).second) continue;
    out.push_back(path);
    bool hashed = false;
    int node = 0;
    fdt_for_each_subnode(node, t.fdt(), image) {
      const std::string child = t.NameOf(node);
      if (!child.starts_with("hash")) continue;
      BM_CHECK(CheckHash(t, image, node, path));
      out.push_back(path + "/" + child);
      hashed = true;
    }
    if (!hashed) return BadFit(path + " has no hash node");
  }
  return out;
}

// Walk finds the octets that the signature covers, as doc/usage/fit/signature.rst defines regions:
// of a node that is listed everything but `data…`, of its subnodes begin and end, then the end of
// the structure and the texts of property names.
class Walk {
 public:
  Walk(const Tree& t, const std::vector<std::string>& nodes)
      : t_(t), nodes_(nodes.begin(), nodes.end()) {}

  Result<Bytes> Hashed(size_t strings) {
    const void* fdt = t_.fdt();
    int next = 0;
    for (int at = 0;; at = next) {
      const uint32_t tag = fdt_next_tag(fdt, at, &next);
      if (next < 0) return BadFit("its structure");
      if (tag == FDT_BEGIN_NODE) {
        if (++depth_ >= kMaxDepth) return BadFit("nodes lie too deep");
        Enter(t_.NameOf(at));
        if (cover_ >= 1) Take(at, next);
      } else if (tag == FDT_END_NODE) {
        if (cover_ >= 1) Take(at, next);
        Leave();
        --depth_;
      } else if (tag == FDT_PROP) {
        if (cover_ == 2 && !IsData(at)) Take(at, next);
      } else if (tag == FDT_NOP) {
        if (cover_ == 2) Take(at, next);
      } else {
        Take(at, next);
        break;
      }
    }
    const auto* base = static_cast<const uint8_t*>(fdt);
    if (strings > fdt_size_dt_strings(fdt)) return BadFit("hashed-strings");
    const uint8_t* texts = base + fdt_off_dt_strings(fdt);
    out_.insert(out_.end(), texts, texts + strings);
    return std::move(out_);
  }

 private:
  // 2: listed, 1: child of one that is, 0: neither.
  void Enter(const std::string& name) {
    before_.emplace_back(path_, cover_);
    path_ = (path_ == "/" ? "" : path_) + "/" + name;
    cover_ = nodes_.contains(path_) ? 2 : std::max(0, cover_ - 1);
  }
  void Leave() {
    if (before_.empty()) return;
    std::tie(path_, cover_) = std::move(before_.back());
    before_.pop_back();
  }
  bool IsData(int at) const {
    const struct fdt_property* p = fdt_get_property_by_offset(t_.fdt(), at, nullptr);
    const char* name = fdt_string(t_.fdt(), static_cast<int>(fdt32_to_cpu(p->nameoff)));
    const std::string_view n = name == nullptr ? "" : name;
    return n == "data" || n == "data-size" || n == "data-position" || n == "data-offset";
  }
  void Take(int from, int to) {
    const auto* base = static_cast<const uint8_t*>(t_.fdt()) + fdt_off_dt_struct(t_.fdt());
    out_.insert(out_.end(), base + from, base + to);
  }

  const Tree& t_;
  std::set<std::string> nodes_;
  std::string path_;
  std::vector<std::pair<std::string, int>> before_;
  int depth_ = 0, cover_ = 0;
  Bytes out_;
};

Bytes JoinTexts(const std::vector<std::string>& texts) {
  Bytes out;
  for (const std::string& t : texts) {
    out.insert(out.end(), t.begin(), t.end());
    out.push_back(0);
  }
  return out;
}

Status Wrote(int result) {
  if (result >= 0) return {};
  return Internal("artifact.fit-write", fmt::format("libfdt: {}", fdt_strerror(result)));
}

}  // namespace

Result<Bytes> SignFit(ByteView file, const FitTerms& terms, const Signing& signing) {
  const auto* algorithm =
      std::ranges::find(kFitAlgorithms, signing.signer.algorithm(), &FitAlgorithm::key);
  if (algorithm == std::end(kFitAlgorithms)) {
    return Refused(
        "artifact.algorithm",
        fmt::format("U-Boot verifies no {} signatures", crypto::ToText(signing.signer.algorithm())),
        "rsa-2048 to rsa-4096, or ecdsa-p256");
  }
  const bool ecdsa = algorithm->key == crypto::Algorithm::kEcdsaP256;
  if (terms.pss && ecdsa)
    return Refused("artifact.algorithm", "only RSA has a padding", "leave --padding away");
  BM_TRY(const Tree given, Tree::Of(file));
  BM_TRY(const std::string configuration, ConfigurationOf(given, terms.configuration));
  BM_TRY(const std::vector<std::string> nodes, HashedNodes(given, configuration));
  Bytes out(file.size() + kRoom);
  void* fdt = out.data();
  BM_CHECK(Wrote(fdt_open_into(file.data(), fdt, static_cast<int>(out.size()))));
  const std::string path = configuration + "/signature-1";
  const Tree changed(fdt);
  int node = changed.Node(path);
  if (node >= 0) BM_CHECK(Wrote(fdt_del_node(fdt, node)));
  node = fdt_add_subnode(fdt, changed.Node(configuration), "signature-1");
  BM_CHECK(Wrote(node));
  // Everything stands in its place before the hash is made: names of properties are hashed too.
  const Bytes blank(algorithm->size, 0);
  const Bytes hashed = JoinTexts(nodes);
  std::vector<std::string> covered;
  for (const char* kind : {"kernel", "fdt", "ramdisk", "firmware", "loadables", "fpga", "script"}) {
    if (changed.Property(changed.Node(configuration), kind)) covered.emplace_back(kind);
  }
  const Bytes images = JoinTexts(covered);
  const uint32_t no_strings[2] = {0, 0};
  auto set = [&](const char* name, const void* data, size_t size) {
    return Wrote(fdt_setprop(fdt, changed.Node(path), name, data, static_cast<int>(size)));
  };
  BM_CHECK(set("algo", std::string(algorithm->name).c_str(), algorithm->name.size() + 1));
  BM_CHECK(set("key-name-hint", terms.key_name.c_str(), terms.key_name.size() + 1));
  if (terms.pss) BM_CHECK(set("padding", "pss", 4));
  BM_CHECK(set("sign-images", images.data(), images.size()));
  BM_CHECK(set("value", blank.data(), blank.size()));
  BM_CHECK(set("signer-name", "birthmark", 10));
  BM_CHECK(set("hashed-nodes", hashed.data(), hashed.size()));
  BM_CHECK(set("hashed-strings", no_strings, sizeof no_strings));
  BM_CHECK(Wrote(fdt_pack(fdt)));
  const uint32_t strings[2] = {0, cpu_to_fdt32(fdt_size_dt_strings(fdt))};
  BM_CHECK(Wrote(fdt_setprop_inplace(fdt, changed.Node(path), "hashed-strings", strings,
                                     static_cast<int>(sizeof strings))));
  BM_TRY(const Bytes to_sign, Walk(changed, nodes).Hashed(fdt_size_dt_strings(fdt)));
  // Older U-Boot takes the longest salt alone, newer any.
  BM_TRY(Bytes signature, terms.pss
                              ? crypto::SignPss(signing.signer, to_sign, crypto::PssSalt::kLongest)
                              : signing.signer.Sign(to_sign));
  if (ecdsa) {
    BM_TRY(signature, crypto::EcdsaDerToRaw(signature, 32));
  }
  if (signature.size() != algorithm->size)
    return Internal("artifact.fit-write", "a signature of another size");
  BM_CHECK(Wrote(fdt_setprop_inplace(fdt, changed.Node(path), "value", signature.data(),
                                     static_cast<int>(signature.size()))));
  out.resize(fdt_totalsize(fdt));
  return out;
}

bool LooksLikeFit(ByteView file) {
  return file.size() >= sizeof(fdt_header) && fdt_magic(file.data()) == kMagic &&
         fdt_totalsize(file.data()) <= file.size();
}

Result<Opened> OpenFit(ByteView file) {
  BM_TRY(const Tree t, Tree::Of(file));
  BM_TRY(const std::string configuration, ConfigurationOf(t, ""));
  BM_TRY(const std::vector<std::string> nodes, HashedNodes(t, configuration));
  int signature = -1, node = 0;
  fdt_for_each_subnode(node, t.fdt(), t.Node(configuration)) {
    if (t.NameOf(node).starts_with("signature") && t.Property(node, "value")) {
      signature = node;
      break;
    }
  }
  if (signature < 0) {
    return Refused("artifact.unsigned", configuration + " has no signature",
                   "sign it: birthmark artifact sign … --kind fit");
  }
  const auto strings = t.Property(signature, "hashed-strings");
  if (!strings || strings->size() != 8) return BadFit("its signature has no hashed-strings");
  // The list that travels with it says what was signed; it must be what this FIT needs signed.
  const std::vector<std::string> listed = t.Texts(signature, "hashed-nodes");
  for (const std::string& n : nodes) {
    if (std::ranges::find(listed, n) == listed.end())
      return Refused("artifact.content", n + " is used, and the signature does not cover it",
                     "sign the FIT as it is now");
  }
  uint32_t size = 0;
  std::memcpy(&size, strings->data() + 4, 4);
  BM_TRY(const Bytes covered, Walk(t, listed).Hashed(fdt32_to_cpu(size)));
  Opened out;
  out.kind = Kind::kFit;
  out.name = configuration;
  out.algorithm = t.Text(signature, "algo");
  out.content = crypto::Sha256(covered);
  out.facts = {{"key-name-hint", t.Text(signature, "key-name-hint")},
               {"description", t.Text(0, "description")}};
  const auto value = t.Property(signature, "value");
  const std::string padding = t.Text(signature, "padding");
  if (!padding.empty() && padding != "pss" && padding != "pkcs-1.5")
    return BadFit("its signature's padding is \"" + padding + "\"");
  if (padding == "pss") out.facts.emplace_back("padding", padding);
  out.signed_by = [covered, algo = out.algorithm, pss = padding == "pss",
                   value = Bytes(value->begin(), value->end())](const crypto::PublicKey& key) {
    const auto* a = std::ranges::find(kFitAlgorithms, key.algorithm(), &FitAlgorithm::key);
    if (a == std::end(kFitAlgorithms) || a->name != algo || value.size() != a->size) return false;
    if (a->key != crypto::Algorithm::kEcdsaP256) {
      return pss ? crypto::VerifyPss(key, covered, value, std::nullopt)
                 : key.Verify(covered, value);
    }
    const auto in_der = crypto::EcdsaRawToDer(value);
    return in_der && key.Verify(covered, *in_der);
  };
  return out;
}

}  // namespace birthmark::artifact
