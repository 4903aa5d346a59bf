// SPDX-License-Identifier: Apache-2.0
#include "pki/validate_ocsp.h"

#include <fmt/format.h>
#include <openssl/ocsp.h>
#include <openssl/x509_vfy.h>

#include "crypto/openssl.h"

namespace birthmark::pki {
namespace {

void FreeLent(STACK_OF(X509) * s) { sk_X509_free(s); }
using LentPtr = crypto::Owned<STACK_OF(X509), FreeLent>;
using ResponsePtr = crypto::Owned<OCSP_RESPONSE, OCSP_RESPONSE_free>;
using BasicPtr = crypto::Owned<OCSP_BASICRESP, OCSP_BASICRESP_free>;
using CertIdPtr = crypto::Owned<OCSP_CERTID, OCSP_CERTID_free>;
using AnchorStorePtr = crypto::Owned<X509_STORE, X509_STORE_free>;

class OcspJudge {
 public:
  OcspJudge(const Path& path, const Validation& ask, std::vector<RuleFinding>& out)
      : path_(path),
        ask_(ask),
        out_(out),
        good_(path.size(), false),
        at_(std::chrono::duration_cast<std::chrono::seconds>(ask.at.time_since_epoch()).count()) {}

  Result<std::vector<bool>> Run() {
    for (size_t i = 0; i < ask_.ocsp.size(); ++i) BM_CHECK(One(i));
    // A relying party that asks wants an answer about the end at least.
    if (!good_[0] && !spoken_ && ask_.crls.empty()) {
      Add("chain.ocsp-missing", 0, "no response that holds answers for this certificate",
          "RFC 6960 section 3.2", "");
    }
    return good_;
  }

 private:
  void Add(std::string code, std::optional<size_t> place, std::string rule, std::string section,
           std::string detail) {
    out_.push_back({Severity::kError, std::move(code), place, "", std::move(rule),
                    std::move(section), std::move(detail)});
  }

  Status One(size_t number) {
    const Bytes& der = ask_.ocsp[number];
    const std::string which = fmt::format("response {}", number + 1);
    const uint8_t* at = der.data();
    ResponsePtr response(d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(der.size())));
    if (response == nullptr || at != der.data() + der.size())
      return Refused("chain.input", "OCSP " + which + " does not read as one (DER)");
    if (int status = OCSP_response_status(response.get());
        status != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
      Add("chain.ocsp-refused", std::nullopt, "a response answers only when it is successful",
          "RFC 6960 section 4.2.1", fmt::format("{}: {}", which, OCSP_response_status_str(status)));
      return {};
    }
    BasicPtr basic(OCSP_response_get1_basic(response.get()));
    if (basic == nullptr)
      return Refused("chain.input", "OCSP " + which + " is not of the basic type");
    if (!IsSigned(basic.get())) {
      Add("chain.ocsp-signature", std::nullopt,
          "the issuer signs a response, or a responder that the issuer certified for OCSP",
          "RFC 6960 sections 3.2 and 4.2.2.2", which + EngineWords());
      return {};
    }
    bool about = false;
    for (int k = 0; k < OCSP_resp_count(basic.get()); ++k)
      about |= Single(OCSP_resp_get0(basic.get(), k), which);
    if (!about) {
      out_.push_back({Severity::kWarning, "chain.ocsp-other", std::nullopt, "",
                      "a response is about the certificates it names", "RFC 6960 section 3.2",
                      which + " names none of this path"});
    }
    return {};
  }

  // IsSigned has the engine find the responder and judge its right to speak for the issuer, at the
  // time that is asked about.
  bool IsSigned(OCSP_BASICRESP* basic) {
    AnchorStorePtr store(X509_STORE_new());
    for (const crypto::Certificate& a : ask_.anchors) X509_STORE_add_cert(store.get(), a.x509());
    X509_VERIFY_PARAM* param = X509_STORE_get0_param(store.get());
    X509_VERIFY_PARAM_set_time(param, at_);
    X509_VERIFY_PARAM_set_auth_level(param, 2);
    if (ask_.partial) X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
    LentPtr known(sk_X509_new_null());
    for (const crypto::Certificate& c : path_) sk_X509_push(known.get(), c.x509());
    for (const crypto::Certificate& c : ask_.untrusted) sk_X509_push(known.get(), c.x509());
    return OCSP_basic_verify(basic, known.get(), store.get(), 0) == 1;
  }

  static std::string EngineWords() {
    return ": " + crypto::OpenSslError("chain.ocsp-signature", "checked").message;
  }

  std::optional<size_t> PlaceOf(const OCSP_CERTID* id) const {
    ASN1_OBJECT* hash = nullptr;
    ASN1_INTEGER* serial = nullptr;
    OCSP_id_get0_info(nullptr, &hash, nullptr, &serial, const_cast<OCSP_CERTID*>(id));
    const EVP_MD* md = EVP_get_digestbyobj(hash);
    if (md == nullptr) return std::nullopt;
    for (size_t i = 0; i + 1 < path_.size(); ++i) {
      if (ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(path_[i].x509())) != 0) continue;
      CertIdPtr mine(OCSP_cert_to_id(md, path_[i].x509(), path_[i + 1].x509()));
      if (mine != nullptr && OCSP_id_cmp(mine.get(), id) == 0) return i;
    }
    return std::nullopt;
  }

  // Single judges one answer; false when it is about another certificate.
  bool Single(OCSP_SINGLERESP* single, const std::string& which) {
    auto place = PlaceOf(OCSP_SINGLERESP_get0_id(single));
    if (!place) return false;
    int reason = 0;
    ASN1_GENERALIZEDTIME *revoked = nullptr, *from = nullptr, *until = nullptr;
    const int status = OCSP_single_get0_status(single, &reason, &revoked, &from, &until);
    if (*place == 0) spoken_ = true;
    if (from == nullptr || X509_cmp_time(from, &at_) >= 0) {
      Add("chain.ocsp-early", place, "an answer does not hold before its thisUpdate",
          "RFC 6960 section 4.2.2.1", which);
    } else if (until != nullptr && X509_cmp_time(until, &at_) <= 0) {
      Add("chain.ocsp-old", place, "an answer does not hold after its nextUpdate",
          "RFC 6960 section 4.2.2.1", which);
    } else if (status == V_OCSP_CERTSTATUS_REVOKED) {
      Add("chain.revoked", place, "no certificate of a path is revoked",
          "RFC 5280 section 6.1.3 (a)(3)",
          fmt::format("{}: revoked{}{}", which, reason >= 0 ? ", " : "",
                      reason >= 0 ? OCSP_crl_reason_str(reason) : ""));
    } else if (status == V_OCSP_CERTSTATUS_GOOD) {
      good_[*place] = true;
    } else {
      Add("chain.ocsp-unknown", place, "the responder knows the certificate",
          "RFC 6960 section 2.2", which);
    }
    return true;
  }

  const Path& path_;
  const Validation& ask_;
  std::vector<RuleFinding>& out_;
  std::vector<bool> good_;
  time_t at_;
  bool spoken_ = false;  // something was said of the end, good or bad
};

}  // namespace

Result<std::vector<bool>> CheckOcsp(const Path& path, const Validation& ask,
                                    std::vector<RuleFinding>& out) {
  return OcspJudge(path, ask, out).Run();
}

}  // namespace birthmark::pki
