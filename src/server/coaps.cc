// SPDX-License-Identifier: Apache-2.0
#include "server/coaps.h"

#include <arpa/inet.h>
#include <coap3/coap.h>
#include <fmt/format.h>
#include <openssl/pem.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "enroll/coaps/est_coaps.h"
#include "server/coap_pdu.h"

namespace birthmark::server {
namespace {

namespace coaps = enroll::coaps;

// RFC 9148 section 3 asks for the CCM_8 suite of RFC 7252; the others are what HTTPS offers.
constexpr char kCiphers[] =
    "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE-ECDSA-AES128-CCM:ECDHE-ECDSA-AES128-CCM8";

// Mailbox is where answers of the desk wait for libcoap's thread. It outlives the server for those
// that come late.
class Mailbox {
 public:
  Mailbox() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~Mailbox() { close(fd_); }
  int fd() const { return fd_; }
  void Wake() {
    const uint64_t one = 1;
    (void)!write(fd_, &one, sizeof one);  // full means awake already
  }
  void Put(uint64_t job, coaps::Response r) {
    {
      std::lock_guard lock(mutex_);
      answers_.emplace(job, std::move(r));
    }
    Wake();
  }
  std::map<uint64_t, coaps::Response> TakeAll() {
    uint64_t n;
    (void)!read(fd_, &n, sizeof n);
    std::lock_guard lock(mutex_);
    return std::exchange(answers_, {});
  }

 private:
  const int fd_;
  std::mutex mutex_;
  std::map<uint64_t, coaps::Response> answers_;
};

Result<coap_address_t> Address(const std::string& text, uint16_t port) {
  coap_address_t a;
  coap_address_init(&a);
  if (inet_pton(AF_INET, text.c_str(), &a.addr.sin.sin_addr) == 1) {
    a.addr.sin.sin_family = AF_INET;
    a.addr.sin.sin_port = htons(port);
    a.size = sizeof a.addr.sin;
    return a;
  }
  if (inet_pton(AF_INET6, text.c_str(), &a.addr.sin6.sin6_addr) == 1) {
    a.addr.sin6.sin6_family = AF_INET6;
    a.addr.sin6.sin6_port = htons(port);
    a.size = sizeof a.addr.sin6;
    return a;
  }
  return Usage("server.address", fmt::format("\"{}\" is no IP address", text));
}

std::string_view MethodName(coaps::Code method) {
  return method == coaps::Code::kGet ? "GET" : method == coaps::Code::kPost ? "POST" : "other";
}

}  // namespace

struct CoapsServer::Impl {
  // Job is a request that the desk works on.
  struct Job {
    coap_async_t* async = nullptr;  // libcoap frees it after it fired
    coaps::Whole asked;
    std::chrono::steady_clock::time_point since;
    std::optional<coaps::Response> answer;
  };

  Impl(enroll::Desk& desk, CoapsOptions o)
      : options(std::move(o)),
        est(desk, {options.products, static_cast<uint32_t>(options.retry_after.count())}) {}
  ~Impl() {
    Stop();
    if (context != nullptr) coap_free_context(context);
  }

  Status Prepare();
  Status SetPki();
  void Stop();
  void Loop();
  void Deliver();
  void Handle(coap_session_t* session, const coap_pdu_t* request, coap_pdu_t* response);
  void Serve(coap_session_t* session, const coap_pdu_t* request, coaps::Whole whole,
             coap_pdu_t* response);
  void Send(coap_session_t* session, const coaps::Whole& asked, coaps::Response full,
            std::chrono::steady_clock::time_point since, coap_pdu_t* response);
  void Write(coaps::Response r, coap_pdu_t* response);
  void Log(coap_session_t* session, std::string_view method, std::string path, int status,
           std::chrono::steady_clock::time_point since, size_t in, size_t out, std::string note);
  // PeerNow is the other end as DTLS has it; nothing of it is kept between requests.
  enroll::Peer PeerNow(coap_session_t* session) const;

  static Impl& Of(coap_session_t* session) {
    return *static_cast<Impl*>(coap_get_app_data(coap_session_get_context(session)));
  }
  static void OnRequest(coap_resource_t*, coap_session_t* session, const coap_pdu_t* request,
                        const coap_string_t*, coap_pdu_t* response) {
    Of(session).Handle(session, request, response);
  }
  static int OnEvent(coap_session_t* session, const coap_event_t event);
  static int OnHello(void* tls, coap_dtls_pki_t* setup);

  const CoapsOptions options;
  coaps::EstCoaps est;
  SystemClock clock;
  SslCtxPtr tls;  // for its store and its list of names
  SecretBytes key_pem;
  std::string certificate_pem;
  coap_context_t* context = nullptr;
  uint16_t port = 0;
  std::shared_ptr<Mailbox> mailbox = std::make_shared<Mailbox>();
  std::unordered_map<coap_session_t*, coaps::Transfer> transfers;
  std::unordered_map<uint64_t, Job> jobs;
  uint64_t next_job = 1;
  std::atomic<bool> stop = false;
  std::thread thread;
};

// Called for every ClientHello, after libcoap has set up its own verification: ours takes its
// place.
int CoapsServer::Impl::OnHello(void* session, coap_dtls_pki_t* setup) {
  auto* ssl = static_cast<SSL*>(session);
  auto& impl = *static_cast<Impl*>(setup->cn_call_back_arg);
  SSL_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT | SSL_VERIFY_CLIENT_ONCE,
                 nullptr);
  SSL_set_verify_depth(ssl, 8);
  SSL_set_options(ssl, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
  bool ok = SSL_set1_verify_cert_store(ssl, SSL_CTX_get_cert_store(impl.tls.get())) == 1 &&
            SSL_set_cipher_list(ssl, kCiphers) == 1;
  SSL_set_client_CA_list(ssl, SSL_dup_CA_list(SSL_CTX_get_client_CA_list(impl.tls.get())));
  SSL_clear_chain_certs(ssl);
  for (size_t i = 1; i < impl.options.tls.chain.size(); ++i) {
    ok = ok && SSL_add1_chain_cert(ssl, impl.options.tls.chain[i].x509()) == 1;
  }
  return ok ? 1 : 0;
}

int CoapsServer::Impl::OnEvent(coap_session_t* session, const coap_event_t event) {
  Impl& impl = Of(session);
  if (event == COAP_EVENT_DTLS_ERROR) {
    impl.Log(session, "", "", 0, std::chrono::steady_clock::now(), 0, 0, "DTLS failed");
  }
  // Half a body, or an answer with a private key in it, is never another peer's.
  if (event == COAP_EVENT_SERVER_SESSION_NEW || event == COAP_EVENT_SERVER_SESSION_DEL ||
      event == COAP_EVENT_DTLS_CONNECTED || event == COAP_EVENT_DTLS_CLOSED ||
      event == COAP_EVENT_DTLS_ERROR) {
    impl.transfers.erase(session);
  }
  return 0;
}

Status CoapsServer::Impl::SetPki() {
  if (options.tls.anchors.empty()) {
    return Usage("server.tls", "EST-coaps needs the anchors of its clients' certificates");
  }
  BM_TRY(tls, MakeTls(options.tls));
  certificate_pem = options.tls.chain.front().ToPem();
  crypto::BioPtr bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PKCS8PrivateKey(bio.get(), options.tls.key, nullptr, nullptr, 0, nullptr,
                                    nullptr) != 1) {
    return std::unexpected(crypto::OpenSslError("server.tls", "handing the key to libcoap"));
  }
  char* p = nullptr;
  const long n = BIO_get_mem_data(bio.get(), &p);
  key_pem = SecretBytes::Take(Bytes(p, p + n));
  Wipe(p, static_cast<size_t>(n));

  coap_dtls_pki_t pki{};
  pki.version = COAP_DTLS_PKI_SETUP_VERSION;
  pki.verify_peer_cert = 1;
  pki.additional_tls_setup_call_back = OnHello;
  pki.cn_call_back_arg = this;  // the one argument that libcoap hands on
  pki.pki_key.key_type = COAP_PKI_KEY_PEM_BUF;
  auto& pem = pki.pki_key.key.pem_buf;
  pem.public_cert = AsBytes(certificate_pem).data();
  pem.public_cert_len = certificate_pem.size();
  const ByteView key = key_pem.Read(SecretAccess{});
  pem.private_key = key.data();
  pem.private_key_len = key.size();
  if (coap_context_set_pki(context, &pki) != 1) {
    return Environment("server.tls", "libcoap does not take the server's certificate and key");
  }
  return {};
}

Status CoapsServer::Impl::Prepare() {
  static std::once_flag once;
  std::call_once(once, [] {
    coap_startup();
    coap_set_log_level(LOG_EMERG);  // it would write to standard output; events are logged here
    coap_dtls_set_log_level(LOG_EMERG);
  });
  BM_TRY(coap_address_t address, Address(options.address, options.port));
  context = coap_new_context(nullptr);
  if (context == nullptr || coap_context_get_coap_fd(context) < 0) {
    return Environment("server.address", "libcoap cannot start");
  }
  coap_set_app_data(context, this);
  coap_context_set_block_mode(context, 0);
  coap_context_set_max_idle_sessions(context, options.max_sessions);
  coap_context_set_max_handshake_sessions(context, options.max_handshakes);
  coap_context_set_session_timeout(context, static_cast<unsigned>(options.session_timeout.count()));
  coap_register_event_handler(context, OnEvent);
  BM_CHECK(SetPki());
  coap_endpoint_t* endpoint = coap_new_endpoint(context, &address, COAP_PROTO_DTLS);
  if (endpoint == nullptr) {
    return Environment(
        "server.address",
        fmt::format("cannot listen on UDP {} port {}", options.address, options.port),
        "is another server there already?");
  }
  // "ADDRESS:PORT DTLS": the only way to learn the port that the kernel chose.
  const std::string text = coap_endpoint_str(endpoint);
  port = static_cast<uint16_t>(std::stoul(text.substr(text.rfind(':') + 1)));

  // Every path and method comes to one handler, so that one place answers for all of them.
  coap_resource_t* all = coap_resource_unknown_init(OnRequest);
  coap_resource_t* core = coap_resource_init(coap_make_str_const(".well-known/core"), 0);
  for (coap_resource_t* r : {all, core}) {
    for (coap_request_t method :
         {COAP_REQUEST_GET, COAP_REQUEST_POST, COAP_REQUEST_PUT, COAP_REQUEST_DELETE}) {
      coap_register_handler(r, method, OnRequest);
    }
    coap_add_resource(context, r);
  }
  return {};
}

void CoapsServer::Impl::Stop() {
  if (!thread.joinable()) return;
  stop = true;
  mailbox->Wake();
  thread.join();
}

void CoapsServer::Impl::Loop() {
  pollfd fds[2] = {{coap_context_get_coap_fd(context), POLLIN, 0}, {mailbox->fd(), POLLIN, 0}};
  while (!stop) {
    poll(fds, 2, 1000);
    Deliver();
    coap_io_process(context, COAP_IO_NO_WAIT);
  }
}

// An answer makes libcoap call the handler again, with the request that it kept.
void CoapsServer::Impl::Deliver() {
  for (auto& [id, answer] : mailbox->TakeAll()) {
    auto job = jobs.find(id);
    if (job == jobs.end()) continue;
    job->second.answer = std::move(answer);
    coap_async_trigger(job->second.async);
  }
}

enroll::Peer CoapsServer::Impl::PeerNow(coap_session_t* session) const {
  coap_tls_library_t library;
  auto* ssl = static_cast<SSL*>(coap_session_get_tls(session, &library));
  if (ssl == nullptr || library != COAP_TLS_LIBRARY_OPENSSL) return {};
  return PeerOf(ssl, clock.Now()).value_or(enroll::Peer{});
}

void CoapsServer::Impl::Handle(coap_session_t* session, const coap_pdu_t* request,
                               coap_pdu_t* response) {
  const auto now = std::chrono::steady_clock::now();
  if (coap_async_t* async = coap_find_async(session, coap_pdu_get_token(request))) {
    const auto id = reinterpret_cast<uintptr_t>(coap_async_get_app_data(async));
    auto job = jobs.extract(id);
    if (!job.empty() && job.mapped().answer) {
      Send(session, job.mapped().asked, std::move(*job.mapped().answer), job.mapped().since,
           response);
    }
    return;
  }
  auto read = ReadPdu(request);
  if (!read) {
    coaps::Response r;
    r.code = coaps::Code::kBadRequest;
    Log(session, "", "", 400, now, 0, 0, "malformed options");
    return Write(std::move(r), response);
  }
  auto taken = transfers[session].Take(*read);
  if (auto* at_once = std::get_if<coaps::Response>(&taken)) {
    if (static_cast<int>(at_once->code) >= 400) {
      Log(session, MethodName(read->method), coaps::PathText(read->path),
          static_cast<int>(at_once->code), now, read->payload.size(), 0, at_once->note);
    }
    return Write(std::move(*at_once), response);
  }
  Serve(session, request, std::move(std::get<coaps::Whole>(taken)), response);
}

void CoapsServer::Impl::Serve(coap_session_t* session, const coap_pdu_t* request,
                              coaps::Whole whole, coap_pdu_t* response) {
  const auto since = std::chrono::steady_clock::now();
  const uint64_t id = next_job++;
  est.Serve(whole, PeerNow(session),
            [id, box = mailbox](coaps::Response r) { box->Put(id, std::move(r)); });
  // A desk that answered at once needs no second message.
  auto answers = mailbox->TakeAll();
  auto own = answers.extract(id);
  for (auto& [other, r] : answers) mailbox->Put(other, std::move(r));
  if (!own.empty()) return Send(session, whole, std::move(own.mapped()), since, response);

  coap_async_t* async = coap_register_async(session, request, 0);
  if (async == nullptr) {
    coaps::Response r;
    r.code = coaps::Code::kServerError;
    r.note = "the token is that of a request under way";
    return Send(session, whole, std::move(r), since, response);
  }
  coap_async_set_app_data(async, reinterpret_cast<void*>(static_cast<uintptr_t>(id)));
  jobs.emplace(id, Job{async, std::move(whole), since, std::nullopt});
}

void CoapsServer::Impl::Send(coap_session_t* session, const coaps::Whole& asked,
                             coaps::Response full, std::chrono::steady_clock::time_point since,
                             coap_pdu_t* response) {
  Log(session, MethodName(asked.method), coaps::PathText(asked.path), static_cast<int>(full.code),
      since, asked.body.size(), full.payload.size(), full.note);
  Write(transfers[session].Answer(asked, std::move(full)), response);
}

void CoapsServer::Impl::Write(coaps::Response r, coap_pdu_t* response) {
  if (!WritePdu(r, response)) coap_pdu_set_code(response, COAP_RESPONSE_CODE_INTERNAL_ERROR);
  if (r.secret) Wipe(r.payload.data(), r.payload.size());
}

void CoapsServer::Impl::Log(coap_session_t* session, std::string_view method, std::string path,
                            int status, std::chrono::steady_clock::time_point since, size_t in,
                            size_t out, std::string note) {
  if (!options.log) return;
  HttpEvent e;
  e.server = options.name;
  unsigned char address[64] = {};
  coap_print_addr(coap_session_get_addr_remote(session), address, sizeof address - 1);
  e.address = reinterpret_cast<const char*>(address);
  e.method = method;
  e.path = std::move(path);
  e.status = status;
  e.took = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() -
                                                                 since);
  e.octets_in = in;
  e.octets_out = out;
  e.note = std::move(note);
  options.log(e);
}

CoapsServer::CoapsServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CoapsServer::~CoapsServer() = default;

Result<std::unique_ptr<CoapsServer>> CoapsServer::Start(enroll::Desk& desk, CoapsOptions options) {
  auto impl = std::make_unique<Impl>(desk, std::move(options));
  BM_CHECK(impl->Prepare());
  impl->thread = std::thread([i = impl.get()] { i->Loop(); });
  return std::unique_ptr<CoapsServer>(new CoapsServer(std::move(impl)));
}

uint16_t CoapsServer::port() const { return impl_->port; }

std::string CoapsServer::url() const {
  const bool v6 = impl_->options.address.find(':') != std::string::npos;
  return fmt::format(fmt::runtime(v6 ? "coaps://[{}]:{}" : "coaps://{}:{}"), impl_->options.address,
                     impl_->port);
}

void CoapsServer::Stop() { impl_->Stop(); }

}  // namespace birthmark::server
