// SPDX-License-Identifier: Apache-2.0
#include "app/vendor_roots.h"

#include "element/parts/parts.h"

namespace birthmark::app {
namespace {

constexpr size_t kMaxRootFile = 1024 * 1024, kMaxRoots = 256;

fs::path RootsFile(const Layout& layout, const std::string& product, const std::string& slot) {
  return layout.vendor_roots() / (product + "." + slot + ".pem");
}

}  // namespace

Result<std::vector<crypto::Certificate>> ReadRoots(ByteView file, const std::string& name) {
  std::vector<crypto::Certificate> found;
  if (!file.empty() && file.front() == 0x30) {
    auto c = crypto::Certificate::FromDer(file);
    if (!c) return std::unexpected(std::move(c).error().Context(name));
    found.push_back(std::move(*c));
    return found;
  }
  auto many = crypto::Certificate::ManyFromPem(AsText(file));
  if (!many) {
    return Refused("attest.roots", "vendor root " + name + ": " + many.error().message,
                   "give certificates, as PEM blocks or one in DER");
  }
  if (many->size() > kMaxRoots)
    return Refused("attest.roots", name + ": more than 256 certificates");
  return many;
}

Result<std::vector<crypto::Certificate>> ReadRootFiles(const std::vector<fs::path>& files) {
  std::vector<crypto::Certificate> all;
  for (const fs::path& file : files) {
    auto bytes = ReadFile(file, kMaxRootFile);
    if (!bytes) {
      return Environment("attest.roots",
                         "vendor root " + file.string() + ": " + bytes.error().message,
                         "vendor-roots names PEM files, relative to the plan");
    }
    BM_TRY(std::vector<crypto::Certificate> found, ReadRoots(*bytes, file.string()));
    all.insert(all.end(), found.begin(), found.end());
    if (all.size() > kMaxRoots) return Refused("attest.roots", "more than 256 vendor roots");
  }
  return all;
}

Status KeepVendorRoots(const Layout& layout, const plan::Plan& plan, const fs::path& plan_folder) {
  for (const plan::IdentitySlot& slot : plan.identities) {
    const fs::path file = RootsFile(layout, plan.product.id, std::string(vocab::ToText(slot.slot)));
    if (slot.vendor_roots.empty()) {
      std::error_code gone;
      fs::remove(file, gone);
      continue;
    }
    std::vector<fs::path> files;
    for (const std::string& name : slot.vendor_roots) {
      if (name == plan::kRehearsalRoots) {
        BM_CHECK(element::MakeMaker(layout.parts_maker()));
        files.push_back(element::MakerRoot(layout.parts_maker()));
        continue;
      }
      files.push_back(fs::path(name).is_absolute() ? fs::path(name) : plan_folder / name);
    }
    BM_TRY(std::vector<crypto::Certificate> roots, ReadRootFiles(files));
    std::string pem;
    for (const crypto::Certificate& c : roots) pem += c.ToPem();
    BM_CHECK(MakeDirs(layout.vendor_roots(), 0755));
    BM_CHECK(WriteFileAtomic(file, pem));
  }
  return {};
}

Result<std::vector<crypto::Certificate>> VendorRootsOf(const Layout& layout,
                                                       const std::string& product,
                                                       const std::string& slot) {
  const fs::path file = RootsFile(layout, product, slot);
  if (!fs::exists(file)) return std::vector<crypto::Certificate>();
  return ReadRootFiles({file});
}

}  // namespace birthmark::app
