// SPDX-License-Identifier: Apache-2.0
#include "app/station_link.h"

#include <curl/curl.h>
#include <openssl/ssl.h>

#include <algorithm>

#include "app/station_wire.h"
#include "crypto/pem.h"
#include "pki/path.h"

namespace birthmark::app {
namespace {

constexpr long kConnectSeconds = 10;
constexpr long kStallSeconds = 30;  // with less than an octet a second the link is dead

struct CurlFree {
  void operator()(CURL* c) const { curl_easy_cleanup(c); }
  void operator()(curl_slist* l) const { curl_slist_free_all(l); }
};

Result<crypto::Certificate> FromX509(X509* x) {
  unsigned char* der = nullptr;
  int n = i2d_X509(x, &der);
  if (n <= 0) return Refused("station.pin", "the server's certificate does not read");
  auto c = crypto::Certificate::FromDer(ByteView(der, static_cast<size_t>(n)));
  OPENSSL_free(der);
  return c;
}

class HttpsLink : public StationLink {
 public:
  HttpsLink(std::string url, const Digest& pin, std::optional<StationIdentity> identity)
      : url_(std::move(url)), pin_(pin), identity_(std::move(identity)) {
    while (url_.ends_with('/')) url_.pop_back();
  }

  Result<enroll::HttpResponse> Call(const std::string& method, const std::string& path,
                                    const std::string& query, std::string_view content_type,
                                    ByteView body) override {
    if (!curl_) curl_.reset(curl_easy_init());
    CURL* c = curl_.get();
    if (c == nullptr) return Internal("station.link", "the HTTP library did not start");
    curl_easy_reset(c);
    refusal_.clear();
    std::string url = url_ + path + (query.empty() ? "" : "?" + query);
    enroll::HttpResponse out{.status = 0, .content_type = "", .headers = {}, .body = {}};
    char words[CURL_ERROR_SIZE] = {};
    curl_easy_setopt(c, CURLOPT_URL, url.c_str());
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(c, CURLOPT_PROXY, "");  // a station talks to its server and to nobody else
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, words);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, kStallSeconds);
    curl_easy_setopt(c, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    // Our own check of the chain stands in place of the library's, in the handshake itself:
    // nothing is sent to anybody who was not pinned.
    curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
    curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(c, CURLOPT_CAINFO, nullptr);
    curl_easy_setopt(c, CURLOPT_CAPATH, nullptr);
    curl_easy_setopt(c, CURLOPT_SSL_CTX_FUNCTION, &HttpsLink::SetUpTls);
    curl_easy_setopt(c, CURLOPT_SSL_CTX_DATA, this);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, &HttpsLink::Write);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, &out.body);
    std::unique_ptr<curl_slist, CurlFree> headers(curl_slist_append(nullptr, "Expect:"));
    if (method == "POST") {
      std::string type = fmt::format("Content-Type: {}", content_type);
      headers.reset(curl_slist_append(headers.release(), type.c_str()));
      curl_easy_setopt(c, CURLOPT_POST, 1L);
      curl_easy_setopt(c, CURLOPT_POSTFIELDS, reinterpret_cast<const char*>(body.data()));
      curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    }
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers.get());
    CURLcode done = curl_easy_perform(c);
    if (done != CURLE_OK) {
      std::string why = !refusal_.empty() ? refusal_
                        : words[0] != 0   ? words
                                          : curl_easy_strerror(done);
      return Environment("station.link", fmt::format("{}: {}", url_, why),
                         refusal_.empty()
                             ? "check that the server runs and that its address is right; the line "
                               "goes on meanwhile"
                             : "this is not the server that the join code was made for");
    }
    long status = 0;
    char* type = nullptr;
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(c, CURLINFO_CONTENT_TYPE, &type);
    out.status = static_cast<int>(status);
    if (type != nullptr) out.content_type = type;
    return out;
  }

 private:
  static size_t Write(char* data, size_t size, size_t n, void* to) {
    auto* body = static_cast<Bytes*>(to);
    if (body->size() + size * n > kMaxStationReply) return 0;  // ends the transfer
    body->insert(body->end(), data, data + size * n);
    return size * n;
  }

  static CURLcode SetUpTls(CURL*, void* ssl_ctx, void* self) {
    auto* link = static_cast<HttpsLink*>(self);
    auto* ctx = static_cast<SSL_CTX*>(ssl_ctx);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_cert_verify_callback(ctx, &HttpsLink::VerifyChain, self);
    if (!link->identity_) return CURLE_OK;
    // The key goes from the store into the handshake and into no file.
    ByteView der = link->identity_->pkcs8.Read(SecretAccess());
    const unsigned char* p = der.data();
    PKCS8_PRIV_KEY_INFO* info = d2i_PKCS8_PRIV_KEY_INFO(nullptr, &p, static_cast<long>(der.size()));
    EVP_PKEY* key = info != nullptr ? EVP_PKCS82PKEY(info) : nullptr;
    PKCS8_PRIV_KEY_INFO_free(info);
    bool good = key != nullptr &&
                SSL_CTX_use_certificate(ctx, link->identity_->certificate.x509()) == 1 &&
                SSL_CTX_use_PrivateKey(ctx, key) == 1;
    EVP_PKEY_free(key);
    return good ? CURLE_OK : CURLE_SSL_CERTPROBLEM;
  }

  static int VerifyChain(X509_STORE_CTX* store, void* self) {
    auto* link = static_cast<HttpsLink*>(self);
    auto check = [&]() -> Status {
      BM_TRY(crypto::Certificate server, FromX509(X509_STORE_CTX_get0_cert(store)));
      std::vector<crypto::Certificate> others;
      STACK_OF(X509)* sent = X509_STORE_CTX_get0_untrusted(store);
      for (int i = 0; i < sk_X509_num(sent) && others.size() < pki::kMaxOffered; ++i) {
        BM_TRY(crypto::Certificate c, FromX509(sk_X509_value(sent, i)));
        if (!std::ranges::equal(c.der(), server.der())) others.push_back(std::move(c));
      }
      return CheckPinned(server, others, link->pin_, SystemClock().Now());
    };
    Status s = check();
    if (s) return 1;
    link->refusal_ = s.error().message;
    X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
  }

  std::string url_;
  Digest pin_;
  std::optional<StationIdentity> identity_;
  std::unique_ptr<CURL, CurlFree> curl_;
  std::string refusal_;
};

}  // namespace

Result<std::unique_ptr<StationLink>> DialHttps(const std::string& url, const Digest& pin,
                                               std::optional<StationIdentity> identity) {
  static const CURLcode kStarted = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (kStarted != CURLE_OK) return Internal("station.link", "the HTTP library did not start");
  return std::make_unique<HttpsLink>(url, pin, std::move(identity));
}

Status CheckPinned(const crypto::Certificate& server,
                   const std::vector<crypto::Certificate>& others, const Digest& pin, Time now) {
  if (server.digest() == pin) return {};
  auto pinned = std::ranges::find(others, pin, &crypto::Certificate::digest);
  if (pinned == others.end()) {
    return Refused("station.pin",
                   "the server showed no certificate with the fingerprint of the "
                   "join code");
  }
  std::vector<crypto::Certificate> anchor{*pinned};
  if (auto path = pki::BuildPath(server, others, anchor, now, pki::Purpose::kServer); !path) {
    return Refused("station.pin",
                   fmt::format("the server's certificate is not of the pinned authority: {}",
                               path.error().message));
  }
  return {};
}

Result<Bytes> Answered(Result<enroll::HttpResponse> response) {
  if (!response) return std::unexpected(std::move(response).error());
  if (response->status == 200) return std::move(response->body);
  std::string_view text = AsText(response->body);
  text = text.substr(0, std::min<size_t>(text.find('\n'), 500));
  size_t colon = text.find(": ");
  bool told = colon != text.npos && colon <= 40 && IsUtf8(text) &&
              std::ranges::all_of(text.substr(0, colon), [](char c) {
                return (c >= 'a' && c <= 'z') || c == '.' || c == '-';
              });
  if (told) return Refused(std::string(text.substr(0, colon)), std::string(text.substr(colon + 2)));
  return Environment("station.link", fmt::format("the server answered {}", response->status),
                     "look into the server's log");
}

}  // namespace birthmark::app
