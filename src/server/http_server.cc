// SPDX-License-Identifier: Apache-2.0
// The one file with Boost.Asio and Beast in it. Each thread has an event loop of its own, and a
// connection stays on its loop, so that nothing of a connection is shared.
#include "server/http_server.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <array>
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/vector_body.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <mutex>
#include <thread>

#include "server/connections.h"

namespace birthmark::server {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace ssl = net::ssl;
using boost::system::error_code;
using std::chrono::steady_clock;
using tcp = net::ip::tcp;

using PlainStream = beast::tcp_stream;
using TlsStream = beast::ssl_stream<beast::tcp_stream>;
using Parser = http::request_parser<http::vector_body<uint8_t>>;

constexpr size_t kReadOctets = 8 * 1024;
constexpr size_t kWriteOctets = size_t{256} * 1024;  // of a shared body at once
constexpr size_t kDrainOctets = 256 * 1024;
constexpr size_t kMostEnding = 64;  // connections over the limit that were told to end
constexpr auto kCloseTimeout = std::chrono::seconds(2);

// Loop owns its sessions' frames; they see it by reference, and only replies that are still owed
// keep it alive.
struct Loop : std::enable_shared_from_this<Loop> {
  net::io_context io{1};
  net::executor_work_guard<net::io_context::executor_type> work{io.get_executor()};
};

// What the sessions share with the server, and may outlive it with.
struct Shared {
  HttpOptions options;
  std::vector<Route> routes;
  size_t largest_body = 0;
  Connections connections;
  std::atomic<bool> stopping = false;
  std::mutex tls_mutex;
  std::shared_ptr<ssl::context> tls;

  Metrics own_metrics;
  Gauge* open = nullptr;
  Counter *evicted = nullptr, *handshakes = nullptr, *resumed = nullptr, *refused = nullptr;
  Histogram* seconds = nullptr;
  std::array<std::atomic<Counter*>, 600> by_status{};

  Metrics& metrics() { return options.metrics != nullptr ? *options.metrics : own_metrics; }
  void MakeMetrics();
  void Count(int status);
  std::shared_ptr<ssl::context> Tls() {
    std::lock_guard lock(tls_mutex);
    return tls;
  }
  void Log(HttpEvent e) {
    if (!options.log) return;
    e.server = options.name;
    options.log(e);
  }
};

void Shared::MakeMetrics() {
  const Labels server = {{"server", options.name}};
  open = &metrics().GetGauge("birthmark_http_connections", "connections that are open", server);
  evicted = &metrics().GetCounter("birthmark_http_evicted_total",
                                  "idle connections ended to make room", server);
  seconds = &metrics().GetHistogram("birthmark_http_request_seconds",
                                    "time from a request's last octet to its answer", server);
  if (!options.tls) return;
  auto tls_counter = [&](const char* result) {
    return &metrics().GetCounter("birthmark_tls_handshakes_total", "TLS handshakes by result",
                                 {{"server", options.name}, {"result", result}});
  };
  handshakes = tls_counter("full");
  resumed = tls_counter("resumed");
  refused = tls_counter("refused");
}

void Shared::Count(int status) {
  if (status < 0 || status >= static_cast<int>(by_status.size())) return;
  Counter* c = by_status[static_cast<size_t>(status)].load(std::memory_order_relaxed);
  if (c == nullptr) {
    c = &metrics().GetCounter("birthmark_http_requests_total", "answers by status",
                              {{"server", options.name}, {"status", std::to_string(status)}});
    by_status[static_cast<size_t>(status)].store(c, std::memory_order_relaxed);
  }
  c->Add();
}

// Entered is a connection's place among the others, for as long as its session lives.
class Entered {
 public:
  Entered(std::shared_ptr<Shared> shared, std::shared_ptr<Connection> connection)
      : shared_(std::move(shared)), connection_(std::move(connection)) {
    shared_->connections.Add(connection_);
    shared_->open->Add(1);
  }
  Entered(const Entered&) = delete;
  Entered& operator=(const Entered&) = delete;
  ~Entered() {
    shared_->open->Add(-1);
    shared_->connections.Remove(*connection_);
  }
  bool Busy() { return shared_->connections.Busy(*connection_); }
  void Waiting() { shared_->connections.Waiting(connection_); }

 private:
  std::shared_ptr<Shared> shared_;
  std::shared_ptr<Connection> connection_;
};

// A reply that is still owed holds the loop, so that it can be posted at any time.
template <class Done>
struct Owed {
  Owed(std::shared_ptr<Loop> l, Done d) : loop(std::move(l)), done(std::move(d)) {}
  const std::shared_ptr<Loop> loop;  // outlives `done`, which holds the session's frame
  Done done;
  std::atomic<bool> given = false;
};

net::awaitable<enroll::HttpResponse> Ask(Loop& loop, enroll::Handler* handler,
                                         enroll::HttpRequest request) {
  co_return co_await net::async_initiate<const net::use_awaitable_t<>&, void(enroll::HttpResponse)>(
      [](auto done, std::shared_ptr<Loop> l, enroll::Handler* h, enroll::HttpRequest r) {
        auto owed = std::make_shared<Owed<decltype(done)>>(std::move(l), std::move(done));
        auto reply = [owed](enroll::HttpResponse response) {
          if (owed->given.exchange(true)) return;
          net::post(owed->loop->io,
                    [to = std::move(owed->done), response = std::move(response)]() mutable {
                      std::move(to)(std::move(response));
                    });
        };
        try {
          h->Handle(std::move(r), reply);
        } catch (const std::exception& e) {
          enroll::HttpResponse response;
          response.status = 500;
          response.note = std::string("a handler failed: ") + e.what();
          reply(std::move(response));
        }
      },
      net::use_awaitable, loop.shared_from_this(), handler, std::move(request));
}

// Session is one connection after its handshake.
template <class Stream>
class Session {
 public:
  Session(std::shared_ptr<Shared> shared, Loop& loop, Stream& stream, Entered& entered,
          enroll::Peer peer)
      : shared_(std::move(shared)),
        loop_(loop),
        stream_(stream),
        entered_(entered),
        peer_(std::move(peer)),
        // All of a request may wait here before it is parsed, and no more.
        buffer_(shared_->options.header_limit + kReadOctets) {}

  net::awaitable<void> Run() {
    for (size_t n = 1;; ++n) {
      const bool last = n >= shared_->options.requests_per_connection;
      const bool more = co_await One(last);
      if (!more) break;
    }
  }

 private:
  // One request and its answer; false when the connection is to end.
  net::awaitable<bool> One(bool last) {
    const HttpOptions& o = shared_->options;
    error_code ec;
    if (buffer_.size() == 0) {
      Lowest().expires_after(o.idle_timeout);
      co_await Read(ec);
      if (ec) co_return false;
    }
    Lowest().expires_after(o.request_timeout);
    Parser parser;
    parser.header_limit(static_cast<uint32_t>(o.header_limit));
    parser.body_limit(shared_->largest_body);
    parser.eager(false);
    co_await ReadUntil(parser, [&] { return parser.is_header_done(); }, ec);
    if (ec) {
      co_await RefuseMalformed(ec);
      co_return false;
    }
    const steady_clock::time_point began = steady_clock::now();
    Asked asked;
    const int wrong = CheckHeader(parser, asked);
    if (wrong != 0) {
      const std::string note = "the request's head is refused";
      co_await Refuse(asked, wrong, note);
      co_return false;
    }
    if (parser.get().count(http::field::expect) > 0) {
      static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
      co_await net::async_write(stream_, net::buffer(kContinue),
                                net::redirect_error(net::use_awaitable, ec));
      if (ec) co_return false;
    }
    parser.eager(true);
    co_await ReadUntil(parser, [&] { return parser.is_done(); }, ec);
    if (ec) {
      co_await RefuseMalformed(ec);
      co_return false;
    }
    if (!entered_.Busy()) co_return false;
    Lowest().expires_never();
    asked.keep = parser.get().keep_alive() && !last;
    enroll::HttpRequest request = MakeRequest(parser, asked);
    asked.octets = request.body.size();
    enroll::HttpResponse response = co_await Ask(loop_, asked.route->handler, std::move(request));
    asked.keep = asked.keep && !shared_->stopping;
    co_await Answer(asked, response, began, ec);
    if (ec || !asked.keep) {
      if (!ec) co_await Close(false);
      co_return false;
    }
    entered_.Waiting();
    co_return true;
  }

  // What is known of a request while it is being answered.
  struct Asked {
    std::string method;
    Target target;
    const Route* route = nullptr;
    int http_minor = 1;
    bool keep = false;
    size_t octets = 0;
  };

  PlainStream& Lowest() { return beast::get_lowest_layer(stream_); }

  net::awaitable<void> Read(error_code& ec) {
    if (buffer_.size() == buffer_.max_size()) {
      ec = http::error::header_limit;
      co_return;
    }
    const size_t room = std::min(kReadOctets, buffer_.max_size() - buffer_.size());
    const size_t n = co_await stream_.async_read_some(buffer_.prepare(room),
                                                      net::redirect_error(net::use_awaitable, ec));
    if (!ec) buffer_.commit(n);
  }

  // Feeds the parser until `done`. Beast counts the head's octets from the last whole line on, so
  // they are counted here.
  template <class Done>
  net::awaitable<void> ReadUntil(Parser& parser, Done done, error_code& ec) {
    size_t head = 0;
    while (!done()) {
      if (buffer_.size() > 0) {
        ec = {};
        auto data = buffer_.data();
        const bool in_head = !parser.is_header_done();
        const size_t used = parser.put(data, ec);
        // A head may hold a token's secret: what was taken does not stay.
        Wipe(data.data(), used);
        buffer_.consume(used);
        if (in_head) head += used;
        if (head > shared_->options.header_limit) ec = http::error::header_limit;
        if (ec && ec != http::error::need_more) co_return;
        if (!ec && used > 0) continue;
      }
      ec = {};
      co_await Read(ec);
      if (ec) co_return;
    }
    ec = {};
  }

  // The status to refuse a head with, or 0. Beast has refused what no reading of the standard
  // allows; this is what two readers might understand differently, or what is not for us.
  int CheckHeader(Parser& parser, Asked& asked) {
    const auto& head = parser.get();
    asked.method = std::string(head.method_string()).substr(0, 32);
    asked.http_minor = head.version() == 10 ? 0 : 1;
    if (head.version() != 10 && head.version() != 11) return 400;
    const std::string_view text(head.target().data(), head.target().size());
    auto target = ReadTarget(text, HiddenSlashes(shared_->routes, text));
    if (!target) return 400;
    asked.target = std::move(*target);
    // RFC 9112 section 3.2: one Host with HTTP/1.1; and what is said twice has no meaning.
    if (head.version() == 11 && head.count(http::field::host) != 1) return 400;
    for (http::field f :
         {http::field::host, http::field::content_length, http::field::transfer_encoding,
          http::field::content_type, http::field::authorization, http::field::expect}) {
      if (head.count(f) > 1) return 400;
    }
    // RFC 9112 section 6.1: both, or a coding in HTTP/1.0, is how requests are smuggled.
    if (head.count(http::field::transfer_encoding) > 0) {
      if (head.count(http::field::content_length) > 0 || head.version() == 10) return 400;
      if (!beast::iequals(head[http::field::transfer_encoding], "chunked")) return 501;
    }
    const auto expect = head[http::field::expect];
    if (!expect.empty() && !beast::iequals(expect, "100-continue")) return 417;
    asked.route = FindRoute(shared_->routes, asked.target.path);
    if (asked.route == nullptr) return 404;
    if (parser.content_length() && *parser.content_length() > asked.route->body_limit) return 413;
    parser.body_limit(asked.route->body_limit);
    return 0;
  }

  enroll::HttpRequest MakeRequest(Parser& parser, const Asked& asked) {
    auto& message = parser.get();
    auto field = [&](auto name) {
      const auto v = message[name];
      return std::string(v.data(), v.size());
    };
    enroll::HttpRequest r;
    r.method = asked.method;
    r.path = asked.target.path;
    r.query = asked.target.query;
    r.content_type = field(http::field::content_type);
    r.transfer_encoding = field(http::field::content_transfer_encoding);
    r.accept = field(http::field::accept);
    const auto authorization = message[http::field::authorization];
    r.authorization =
        SecretBytes::Take(Bytes(authorization.data(), authorization.data() + authorization.size()));
    Wipe(const_cast<char*>(authorization.data()), authorization.size());
    r.body = std::move(message.body());
    r.peer = peer_;
    return r;
  }

  net::awaitable<void> Answer(const Asked& asked, enroll::HttpResponse& response,
                              steady_clock::time_point began, error_code& ec) {
    const auto took = steady_clock::now() - began;
    shared_->seconds->Observe(took);
    shared_->Count(response.status);
    Bytes out =
        WriteAnswer(response, asked.method == "HEAD", asked.keep, asked.http_minor,
                    std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
    if (shared_->options.log) {
      shared_->Log({.address = peer_.address,
                    .method = asked.method,
                    .path = asked.target.path.substr(0, 200),
                    .status = response.status,
                    .took = std::chrono::duration_cast<std::chrono::microseconds>(took),
                    .octets_in = asked.octets,
                    .octets_out = response.body.size() + response.shared.size(),
                    .note = response.note});
    }
    if (response.secret) Wipe(response.body.data(), response.body.size());
    Lowest().expires_after(shared_->options.write_timeout);
    co_await net::async_write(stream_, net::buffer(out),
                              net::redirect_error(net::use_awaitable, ec));
    if (response.secret) Wipe(out.data(), out.size());
    if (asked.method == "HEAD" || response.status == 204) co_return;
    // However long it is, nobody waits longer than the timeout for the next piece of it.
    for (ByteView rest = response.shared; !ec && !rest.empty();
         rest = rest.subspan(std::min(kWriteOctets, rest.size()))) {
      Lowest().expires_after(shared_->options.write_timeout);
      const auto piece = net::buffer(rest.data(), std::min(kWriteOctets, rest.size()));
      co_await net::async_write(stream_, piece, net::redirect_error(net::use_awaitable, ec));
    }
  }

  net::awaitable<void> Refuse(Asked& asked, int status, const std::string& note) {
    asked.keep = false;
    enroll::HttpResponse r;
    r.status = status;
    r.note = note;
    error_code ec;
    const steady_clock::time_point now = steady_clock::now();
    co_await Answer(asked, r, now, ec);
    if (!ec) co_await Close(true);
  }

  // Says what was wrong where there is somebody to say it to.
  net::awaitable<void> RefuseMalformed(error_code ec) {
    // g++ 12 destroys a temporary of an awaited call twice, so these have names.
    Asked nothing;
    int status = 400;
    std::string note = "not HTTP: " + ec.message();
    if (ec == beast::error::timeout) {
      shared_->Log({.address = peer_.address, .note = "a request came too slowly"});
      co_return;
    }
    if (ec == http::error::header_limit) {
      status = 431;
      note = "the request's head is too long";
    } else if (ec == http::error::body_limit) {
      status = 413;
      note = "the request's body is too long";
    } else if (ec.category() != http::make_error_code(http::error::need_more).category() ||
               ec == http::error::end_of_stream || ec == http::error::partial_message) {
      co_return;  // the other end went away
    }
    co_await Refuse(nothing, status, note);
  }

  // Ends in order. After a refusal the peer may still be sending: it is heard out for a moment, or
  // the reset of its connection could overtake the answer.
  net::awaitable<void> Close(bool hear_out) {
    error_code ec;
    Lowest().expires_after(kCloseTimeout);
    if constexpr (std::is_same_v<Stream, TlsStream>) {
      co_await stream_.async_shutdown(net::redirect_error(net::use_awaitable, ec));
    } else {
      Lowest().socket().shutdown(tcp::socket::shutdown_send, ec);
    }
    std::array<uint8_t, 4096> waste;
    for (size_t n = 0; hear_out && n < kDrainOctets;) {
      ec = {};
      const size_t got = co_await Lowest().async_read_some(
          net::buffer(waste), net::redirect_error(net::use_awaitable, ec));
      if (ec) break;
      n += got;
    }
  }

  std::shared_ptr<Shared> shared_;
  Loop& loop_;
  Stream& stream_;
  Entered& entered_;
  enroll::Peer peer_;
  beast::flat_buffer buffer_;
};

// A TLS stream and its context, which must live as long.
struct Tls {
  Tls(tcp::socket socket, std::shared_ptr<ssl::context> c)
      : context(std::move(c)), stream(std::move(socket), *context) {}
  std::shared_ptr<ssl::context> context;
  TlsStream stream;
};

std::string AddressOf(const tcp::socket& socket) {
  error_code ec;
  const tcp::endpoint end = socket.remote_endpoint(ec);
  return ec ? "" : end.address().to_string() + ":" + std::to_string(end.port());
}

// The connection's end may be asked for from any thread: it happens on its own loop.
template <class Lowest>
std::shared_ptr<Connection> MakeConnection(Loop& loop, const std::shared_ptr<Lowest>& stream) {
  std::weak_ptr<Lowest> weak = stream;
  return std::make_shared<Connection>([&loop, weak] {
    net::post(loop.io, [weak] {
      if (auto s = weak.lock()) s->close();
    });
  });
}

net::awaitable<void> ServePlain(std::shared_ptr<Shared> shared, Loop& loop,
                                std::shared_ptr<PlainStream> stream,
                                std::unique_ptr<Entered> entered) {
  enroll::Peer peer;
  peer.encrypted = false;
  peer.address = AddressOf(stream->socket());
  Session<PlainStream> session(shared, loop, *stream, *entered, std::move(peer));
  co_await session.Run();
}

net::awaitable<void> ServeTls(std::shared_ptr<Shared> shared, Loop& loop, std::shared_ptr<Tls> tls,
                              std::unique_ptr<Entered> entered) {
  PlainStream& lowest = beast::get_lowest_layer(tls->stream);
  const std::string address = AddressOf(lowest.socket());
  lowest.expires_after(shared->options.handshake_timeout);
  error_code ec;
  co_await tls->stream.async_handshake(ssl::stream_base::server,
                                       net::redirect_error(net::use_awaitable, ec));
  SSL* native = tls->stream.native_handle();
  if (ec) {
    shared->refused->Add();
    std::string note = "TLS: " + ec.message();
    const long verdict = SSL_get_verify_result(native);
    if (verdict != X509_V_OK) note += std::string(": ") + X509_verify_cert_error_string(verdict);
    shared->Log({.address = address, .note = std::move(note)});
    co_return;
  }
  (SSL_session_reused(native) == 1 ? shared->resumed : shared->handshakes)->Add();
  auto peer = PeerOf(native, SystemClock().Now());
  if (!peer) {
    shared->Log({.address = address, .note = peer.error().code + ": " + peer.error().message});
    co_return;
  }
  peer->address = address;
  Session<TlsStream> session(shared, loop, tls->stream, *entered, std::move(*peer));
  co_await session.Run();
}

// What a coroutine throws (no memory, say) ends it alone and is told.
auto LogFailure(std::shared_ptr<Shared> shared) {
  return [shared = std::move(shared)](std::exception_ptr failure) {
    if (!failure) return;
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& e) {
      shared->Log({.note = std::string("a connection failed: ") + e.what()});
    }
  };
}

// Spawn starts a session. It has its place among the connections from here on, however long its
// loop takes to begin with it: or those that are served would have to go for it twice.
void Spawn(const std::shared_ptr<Shared>& shared, Loop& loop, tcp::socket socket) {
  if (shared->options.tls) {
    auto tls = std::make_shared<Tls>(std::move(socket), shared->Tls());
    std::shared_ptr<PlainStream> lowest(tls, &beast::get_lowest_layer(tls->stream));
    auto entered = std::make_unique<Entered>(shared, MakeConnection(loop, lowest));
    net::co_spawn(loop.io, ServeTls(shared, loop, std::move(tls), std::move(entered)),
                  LogFailure(shared));
    return;
  }
  auto stream = std::make_shared<PlainStream>(std::move(socket));
  auto entered = std::make_unique<Entered>(shared, MakeConnection(loop, stream));
  net::co_spawn(loop.io, ServePlain(shared, loop, std::move(stream), std::move(entered)),
                LogFailure(shared));
}

net::awaitable<void> Listen(std::shared_ptr<Shared> shared, tcp::acceptor& acceptor,
                            const std::vector<std::shared_ptr<Loop>>& loops) {
  for (size_t next = 0;; next = (next + 1) % loops.size()) {
    const std::shared_ptr<Loop>& loop = loops[next];
    error_code ec;
    tcp::socket socket =
        co_await acceptor.async_accept(loop->io, net::redirect_error(net::use_awaitable, ec));
    if (!acceptor.is_open()) co_return;
    if (ec) {
      // No descriptor, most likely: somebody has to go, and a moment to pass.
      if (shared->connections.EvictOldest()) shared->evicted->Add();
      net::steady_timer timer(acceptor.get_executor(), std::chrono::milliseconds(50));
      co_await timer.async_wait(net::redirect_error(net::use_awaitable, ec));
      continue;
    }
    if (shared->connections.count() >= shared->options.max_connections) {
      if (!shared->connections.EvictOldest()) continue;  // all busy: the newcomer is hung up on
      shared->evicted->Add();
    }
    fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
    socket.set_option(tcp::no_delay(true), ec);
    Spawn(shared, *loop, std::move(socket));
    // A busy loop has yet to end those it was told to: no newcomers until it did.
    while (shared->connections.open() > shared->options.max_connections + kMostEnding) {
      net::steady_timer timer(acceptor.get_executor(), std::chrono::milliseconds(1));
      co_await timer.async_wait(net::redirect_error(net::use_awaitable, ec));
      if (!acceptor.is_open()) co_return;
    }
  }
}

// Every connection is a descriptor; the usual soft limit of 1024 would be the first to be reached.
size_t AllowDescriptors(size_t connections) {
  constexpr size_t kOthers = 256;
  struct rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return connections;
  if (limit.rlim_cur < connections + kOthers) {
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, connections + kOthers);
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
  }
  const size_t can = limit.rlim_cur > 2 * kOthers ? limit.rlim_cur - kOthers : limit.rlim_cur / 2;
  return std::min(connections, can);
}

Result<std::shared_ptr<ssl::context>> MakeContext(const TlsOptions& options) {
  BM_TRY(SslCtxPtr ctx, MakeTls(options));
  return std::make_shared<ssl::context>(ctx.release());
}

}  // namespace

struct HttpServer::Impl {
  std::shared_ptr<Shared> shared = std::make_shared<Shared>();
  std::vector<std::shared_ptr<Loop>> loops;
  std::optional<tcp::acceptor> acceptor;
  tcp::endpoint endpoint;
  std::vector<std::thread> threads;
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() { Stop(); }

Result<std::unique_ptr<HttpServer>> HttpServer::Start(HttpOptions options,
                                                      std::vector<Route> routes) {
  auto impl = std::make_unique<Impl>();
  Shared& shared = *impl->shared;
  if (options.tls) {
    BM_TRY(shared.tls, MakeContext(*options.tls));
  }
  for (const Route& r : routes) shared.largest_body = std::max(shared.largest_body, r.body_limit);
  options.max_connections = AllowDescriptors(options.max_connections);
  shared.options = std::move(options);
  shared.routes = std::move(routes);
  shared.MakeMetrics();
  for (int i = 0; i < std::max(1, shared.options.threads); ++i) {
    impl->loops.push_back(std::make_shared<Loop>());
  }
  const std::string where = shared.options.address + ":" + std::to_string(shared.options.port);
  error_code ec;
  const auto address = net::ip::make_address(shared.options.address, ec);
  if (ec) return Usage("server.address", where + " is no IP address and port");
  impl->acceptor.emplace(impl->loops.front()->io);
  const tcp::endpoint wanted(address, shared.options.port);
  impl->acceptor->open(wanted.protocol(), ec);
  // A program that we start must not hold our port or our connections open.
  if (!ec) fcntl(impl->acceptor->native_handle(), F_SETFD, FD_CLOEXEC);
  if (!ec) impl->acceptor->set_option(net::socket_base::reuse_address(true), ec);
  if (!ec) impl->acceptor->bind(wanted, ec);
  if (!ec) impl->acceptor->listen(net::socket_base::max_listen_connections, ec);
  if (!ec) impl->endpoint = impl->acceptor->local_endpoint(ec);
  if (ec) {
    return Environment("server.address", where + ": cannot listen there: " + ec.message(),
                       "choose another address or port, or end the program that has it");
  }
  net::co_spawn(impl->loops.front()->io, Listen(impl->shared, *impl->acceptor, impl->loops),
                LogFailure(impl->shared));
  for (const auto& loop : impl->loops) {
    impl->threads.emplace_back([loop] { loop->io.run(); });
  }
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

uint16_t HttpServer::port() const { return impl_->endpoint.port(); }

std::string HttpServer::url() const {
  const std::string host = impl_->endpoint.address().is_v6()
                               ? "[" + impl_->endpoint.address().to_string() + "]"
                               : impl_->endpoint.address().to_string();
  return (impl_->shared->options.tls ? "https://" : "http://") + host + ":" +
         std::to_string(port());
}

size_t HttpServer::connections() const { return impl_->shared->connections.count(); }

Status HttpServer::SetTls(const TlsOptions& tls) {
  BM_TRY(auto context, MakeContext(tls));
  std::lock_guard lock(impl_->shared->tls_mutex);
  impl_->shared->tls = std::move(context);
  return {};
}

void HttpServer::Stop() {
  if (impl_->threads.empty()) return;
  Shared& shared = *impl_->shared;
  shared.stopping = true;
  net::post(impl_->loops.front()->io, [this] {
    error_code ec;
    impl_->acceptor->close(ec);
  });
  const auto until = steady_clock::now() + shared.options.stop_grace;
  // A connection that was being answered waits again only for a moment: until it sees `stopping`.
  do {
    shared.connections.EvictWaiting();
  } while (!shared.connections.WaitForNone(std::chrono::milliseconds(10)) &&
           steady_clock::now() < until);
  for (const auto& loop : impl_->loops) loop->io.stop();
  for (std::thread& t : impl_->threads) t.join();
  impl_->threads.clear();
}

}  // namespace birthmark::server
