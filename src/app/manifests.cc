// SPDX-License-Identifier: Apache-2.0
#include "app/manifests.h"

#include <algorithm>
#include <fstream>

#include "app/grant.h"
#include "app/roles.h"
#include "app/vendor_roots.h"
#include "crypto/digest.h"
#include "ledger/events.h"
#include "manifest/ek_list.h"

namespace birthmark::app {
namespace {

constexpr size_t kMaxPem = 1 << 20;

// FileSource reads a file and hashes it on the way.
struct FileSource {
  std::ifstream in;
  crypto::Sha256Hasher hasher;
  std::string name;

  Result<size_t> operator()(std::span<char> out) {
    in.read(out.data(), static_cast<std::streamsize>(out.size()));
    if (in.bad())
      return Environment("file.read", name + " cannot be read to its end", "look at the disk");
    size_t n = static_cast<size_t>(in.gcount());
    hasher.Update(AsBytes(std::string_view(out.data(), n)));
    return n;
  }
};

// LeadsTo is true for a certificate that is pinned itself or signed by one that is.
bool LeadsTo(const crypto::Certificate& c, const std::vector<crypto::Certificate>& pinned) {
  return std::ranges::any_of(pinned, [&](const crypto::Certificate& p) {
    return p.digest() == c.digest() || (std::ranges::equal(p.subject_der(), c.issuer_der()) &&
                                        p.public_key() && c.IsSignedBy(*p.public_key()));
  });
}

// PartSlot wants a slot whose key comes in a part.
Result<const plan::IdentitySlot*> PartSlot(const plan::Plan& plan) {
  for (const plan::IdentitySlot& s : plan.identities) {
    if (s.method == vocab::Method::kSapodilla || s.method == vocab::Method::kSalak) return &s;
  }
  return Refused("manifest.slot", "no identity of " + plan.product.id + " is in a part",
                 "a manifest is for a product with a salak or sapodilla identity");
}

}  // namespace

Result<std::vector<crypto::Certificate>> PinnedRoots(const fs::path& file) {
  BM_TRY(std::string pem, ReadTextFile(file, kMaxPem));
  return crypto::Certificate::ManyFromPem(pem);
}

Result<std::vector<crypto::Certificate>> VendorRoots(const Layout& layout, const plan::Plan& plan) {
  std::vector<crypto::Certificate> all;
  for (const plan::IdentitySlot& s : plan.identities) {
    BM_TRY(auto some, VendorRootsOf(layout, plan.product.id, std::string(vocab::ToText(s.slot))));
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

Result<ImportedManifest> ImportManifest(Factory& f, const ManifestOptions& o, const Clock& clock) {
  BM_CHECK(RequireRole(f, {"operator", "maintainer", "administrator"}, "importing a manifest"));
  const plan::Plan& plan = f.adopted.plan;
  BM_TRY(const plan::IdentitySlot* slot, PartSlot(plan));
  BM_TRY(std::vector<crypto::Certificate> vendors, VendorRoots(f.layout, plan));
  std::vector<crypto::Certificate> pinned = vendors;
  if (!o.root.empty()) {
    BM_TRY(pinned, PinnedRoots(o.root));
  }
  if (slot->ca_option && *slot->ca_option != plan::CaOption::kGeneric) {
    // Whoever holds the key, the authority is one of our own PKI.
    BM_TRY(auto reader, f.NewReader());
    BM_TRY(crypto::Certificate root, RootOf(*reader, plan));
    pinned.push_back(std::move(root));
  }
  manifest::ChainChecker chain(std::move(pinned), clock.Now());
  ledger::ManifestImported head;
  head.product = plan.product.id;
  const IntakeServices services{*f.log, f.layout.ledger(), f.context, f.rng, clock};
  const IntakeOptions intake{o.wanted.group, o.dry_run, o.tell, o.stop};

  std::error_code ec;
  if (fs::is_directory(o.file, ec)) {
    head.kind = "tpm-ek-folder";
    BM_TRY(auto reader, manifest::EkFolder(o.file, std::move(chain), o.wanted.group));
    return TakeParts(services, intake, *reader, std::move(head), [] { return Digest{}; });
  }
  auto source = std::make_shared<FileSource>();
  source->name = o.file.filename().string();
  source->in.open(o.file, std::ios::binary);
  if (!source->in)
    return Usage("file.missing", o.file.string() + " cannot be opened", "check the path");
  auto digest = [source] { return source->hasher.Finish(); };
  auto read = [source](std::span<char> out) { return (*source)(out); };
  if (source->in.peek() == 't') {  // the header of our CSV
    head.kind = "tpm-ek-csv";
    auto reader = manifest::EkCsv(read, std::move(chain), o.wanted.group);
    return TakeParts(services, intake, *reader, std::move(head), digest);
  }
  if (o.signer.empty()) {
    return Usage("manifest.signer", "a manifest is signed, and nothing says by whom",
                 "give the certificate of the maker's manifest signer: --signer CERT");
  }
  BM_TRY(std::string pem, ReadTextFile(o.signer, kMaxPem));
  BM_TRY(crypto::Certificate signer, crypto::Certificate::FromPem(pem));
  head.kind = "microchip-tp";
  head.signer = signer.digest();
  // A signer whom nobody that the plan trusts stands for is whoever wrote the file: prototypes.
  head.test = !LeadsTo(signer, vendors);
  if (head.test && (!o.allow_test || !f.genesis.rehearsal)) {
    return Refused(
        "manifest.test",
        "the signer leads to none of the plan's vendor-roots: this is a list of prototypes",
        f.genesis.rehearsal ? "--allow-test takes it into this rehearsal, marked as a test"
                            : "prototypes never enter production; pin the maker's signer or "
                              "its root in the plan's vendor-roots");
  }
  if (signer.not_after() < clock.Now() && head.test)
    return Refused("manifest.signer", "the signer's certificate has expired",
                   "ask for a newer list");
  BM_TRY(auto reader,
         manifest::MicrochipReader::Make(read, std::move(signer), std::move(chain), o.wanted));
  return TakeParts(services, intake, *reader, std::move(head), digest);
}

}  // namespace birthmark::app
