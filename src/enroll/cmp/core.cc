// SPDX-License-Identifier: Apache-2.0
#include "enroll/cmp/core.h"

#include <algorithm>

#include "crypto/digest.h"
#include "enroll/cmp/protect.h"
#include "enroll/cmp/reply.h"

namespace birthmark::enroll::cmp {
namespace {

constexpr size_t kMaxDecoded = 4096;

const Clock& ClockOf(const Options& o) {
  static const SystemClock system;
  return o.clock != nullptr ? *o.clock : system;
}

}  // namespace

Result<std::shared_ptr<RaSigner>> RaSigner::Make(const Ra& ra, const Authorities& above) {
  auto r = std::make_shared<RaSigner>();
  r->certificate_ = ra.certificate;
  BM_TRY(r->signer_, crypto::SoftwareSigner::FromEvp(ra.key));
  for (const Bytes& der : above.certificates) {
    BM_TRY(crypto::Certificate c, crypto::Certificate::FromDer(der));
    if (!c.IsSelfIssued()) r->above_.push_back(der);
  }
  r->name_ = DirectoryName(ra.certificate.subject_der());
  r->algorithm_ = SignatureAlgorithm(r->signer_->algorithm());
  return r;
}

Result<Bytes> RaSigner::Sign(ByteView text) {
  // A SoftwareSigner is thread-safe for P-256 alone.
  if (signer_->algorithm() == crypto::Algorithm::kEcdsaP256) return signer_->Sign(text);
  std::lock_guard lock(mutex_);
  return signer_->Sign(text);
}

Core::Core(Desk& d, Options o)
    : desk(d),
      options(std::move(o)),
      clock(ClockOf(options)),
      transactions(options.folder,
                   {.open = options.max_open,
                    .each = options.max_open_each,
                    .remember = std::max(options.time_window, std::chrono::seconds(60))},
                   clock) {}

Result<std::shared_ptr<RaSigner>> Core::RaOf(const std::string& product) {
  BM_TRY(Ra ra, desk.EcRa(product));
  std::lock_guard lock(ra_mutex_);
  auto it = ras_.find(product);
  if (it != ras_.end() && it->second->certificate().digest() == ra.certificate.digest())
    return it->second;
  BM_TRY(Authorities above, desk.AuthoritiesOf(product));
  BM_TRY(std::shared_ptr<RaSigner> made, RaSigner::Make(ra, above));
  ras_[product] = made;
  return made;
}

Result<crypto::Certificate> Core::Decode(ByteView der) {
  const Digest d = crypto::Sha256(der);
  const std::string key(d.begin(), d.end());
  {
    std::lock_guard lock(certificate_mutex_);
    auto it = certificates_.find(key);
    if (it != certificates_.end()) return it->second;
  }
  BM_TRY(crypto::Certificate c, crypto::Certificate::FromDer(der));
  std::lock_guard lock(certificate_mutex_);
  if (certificates_.size() >= kMaxDecoded) certificates_.clear();
  certificates_.emplace(key, c);
  return c;
}

void Core::Log(const Error& e, const std::string& address) const {
  if (options.log) options.log(e, address);
}

}  // namespace birthmark::enroll::cmp
