// SPDX-License-Identifier: Apache-2.0
#include "est.h"

#include "certs_only.h"
#include "internal.h"

#if BM_HAVE_TLS

#include <mbedtls/base64.h>

static const struct {
  const char* word;
  const char* text;
} kWords[BM_EST_WORDS] = {
    [BM_EST_WAITING] = {"waiting", "the server has not answered yet"},
    [BM_EST_ACCEPTED] = {"accepted", "accepted"},
    [BM_EST_STATUS] = {"status", "the server answered with another status than 200"},
    [BM_EST_MALFORMED] = {"malformed", "the answer is no certs-only CMS in base64"},
    [BM_EST_CUT] = {"cut", "the connection ended before the answer did"},
    [BM_EST_PIN] = {"pin", "it has no certificate that can be kept, or more than four"},
};

static bool put(uint8_t* buffer, size_t capacity, size_t* size, const char* text) {
  size_t n = strlen(text);
  if (n > capacity - *size) return false;
  memcpy(buffer + *size, text, n);
  *size += n;
  return true;
}

// The request is of HTTP 1.0, so that no answer comes in chunks (RFC 9112 section 7.1).
void bm_est_send(bm_device* d) {
  bm_est* e = &d->est;
  if (!e->wanted || e->sent || d->tls.state != BM_TLS_OPEN) return;
  uint8_t request[BM_EST_PATH_MAX + BM_TLS_NAME_MAX + 64];
  size_t n = 0;
  e->sent = put(request, sizeof request, &n, "GET ") && put(request, sizeof request, &n, e->path) &&
            put(request, sizeof request, &n, " HTTP/1.0\r\nHost: ") &&
            put(request, sizeof request, &n, d->tls.host) &&
            put(request, sizeof request, &n, "\r\n\r\n") && bm_tls_write(d, bm_span_of(request, n));
}

static char lower(uint8_t c) { return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c); }

// field gives the value of a header line with this lower-case name.
static bool field(bm_span line, const char* name, bm_span* value) {
  size_t n = strlen(name);
  if (line.n <= n || line.p[n] != ':') return false;
  for (size_t i = 0; i < n; i++) {
    if (lower(line.p[i]) != name[i]) return false;
  }
  *value = bm_span_of(line.p + n + 1, line.n - n - 1);
  while (value->n > 0 && (value->p[0] == ' ' || value->p[0] == '\t')) {
    *value = bm_span_of(value->p + 1, value->n - 1);
  }
  return true;
}

static bool decimal(bm_span text, size_t* out) {
  *out = 0;
  if (text.n == 0 || text.n > 6) return false;
  for (size_t i = 0; i < text.n; i++) {
    if (text.p[i] < '0' || text.p[i] > '9') return false;
    *out = *out * 10 + (size_t)(text.p[i] - '0');
  }
  return true;
}

static bool next_line(bm_span* rest, bm_span* line) {
  for (size_t i = 0; i + 1 < rest->n; i++) {
    if (rest->p[i] != '\r' || rest->p[i + 1] != '\n') continue;
    *line = bm_span_of(rest->p, i);
    *rest = bm_span_of(rest->p + i + 2, rest->n - i - 2);
    return true;
  }
  return false;
}

// read_head reads an answer's head; WAITING when it is not whole, ACCEPTED when a body follows in
// `rest`. `length` is the body's size where the server told it.
static bm_est_word read_head(bm_span* rest, bool* told, size_t* length) {
  static const char kType[] = "application/pkcs7-mime";
  bm_span line;
  bm_span value;
  bool typed = false;
  *told = false;
  if (!next_line(rest, &line)) return BM_EST_WAITING;
  if (line.n < 12 || memcmp(line.p, "HTTP/1.", 7) != 0 || line.p[8] != ' ') {
    return BM_EST_MALFORMED;
  }
  bool good = memcmp(line.p + 9, "200", 3) == 0;
  while (next_line(rest, &line)) {
    if (line.n == 0) {
      if (!good) return BM_EST_STATUS;
      return typed ? BM_EST_ACCEPTED : BM_EST_MALFORMED;
    }
    if (field(line, "transfer-encoding", &value)) return BM_EST_MALFORMED;
    if (field(line, "content-length", &value)) {
      if (*told || !decimal(value, length)) return BM_EST_MALFORMED;
      *told = true;
    }
    if (field(line, "content-type", &value)) {
      typed = value.n >= sizeof kType - 1 && memcmp(value.p, kType, sizeof kType - 1) == 0;
    }
  }
  return BM_EST_WAITING;
}

// take_body keeps the certificates of a body. They are listed in d->header, since what keeps them
// works in d->scratch.
static bm_est_word take_body(bm_device* d, bm_span body) {
  bm_span der[BM_MAX_OWNERS];
  size_t size;
  bm_cbor_writer w;
  bm_cbor_walk walk;
  if (mbedtls_base64_decode(d->scratch, sizeof d->scratch, &size, body.p, body.n) != 0 ||
      !bm_certs_only(bm_span_of(d->scratch, size), der, BM_MAX_OWNERS, &d->est.count)) {
    return BM_EST_MALFORMED;
  }
  bm_cbor_start(&w, d->header, sizeof d->header);
  bm_cbor_head(&w, BM_CBOR_ARRAY, d->est.count);
  for (size_t i = 0; i < d->est.count; i++) {
    if (!bm_is_certificate(der[i])) return BM_EST_PIN;
    bm_cbor_put_bytes(&w, der[i]);
  }
  if (w.full || !bm_cbor_array(bm_span_of(w.buffer, w.size), &walk) ||
      !bm_owner_keep(d, "est-cacerts", walk)) {
    return BM_EST_PIN;
  }
  return BM_EST_ACCEPTED;
}

void bm_est_receive(bm_device* d) {
  bm_est* e = &d->est;
  bm_tls* s = &d->tls;
  if (!e->sent || e->word != BM_EST_WAITING) return;
  bm_span rest = bm_span_of(s->plain, s->plain_size);
  bool told;
  size_t length = 0;
  bool ended = s->state != BM_TLS_OPEN;
  bm_est_word word = read_head(&rest, &told, &length);
  if (word == BM_EST_ACCEPTED) {
    if (told && rest.n > length) {
      word = BM_EST_MALFORMED;
    } else if (told ? rest.n == length : s->state == BM_TLS_CLOSED) {
      word = take_body(d, rest);
    } else {
      word = BM_EST_WAITING;
    }
  }
  if (word == BM_EST_WAITING && ended) word = BM_EST_CUT;
  // What does not fit is more than four certificates.
  if (word == BM_EST_WAITING && s->plain_size == sizeof s->plain) word = BM_EST_MALFORMED;
  e->word = word;
  if (word != BM_EST_ACCEPTED) e->count = 0;
  if (word == BM_EST_WAITING) return;
  s->plain_size = 0;
  bm_tls_close(d);
}

void bm_est_answer(bm_device* d, bm_cbor_writer* out) {
  bm_est* e = &d->est;
  if (!e->wanted) return;
  bm_cbor_put_text(out, "cacerts");
  size_t map = bm_cbor_open(out);
  bm_cbor_entry_bool(out, "accepted", e->word == BM_EST_ACCEPTED);
  bm_cbor_entry_text(out, "why", kWords[e->word].word);
  bm_cbor_entry_text(out, "text", kWords[e->word].text);
  bm_cbor_entry_uint(out, "count", e->count);
  bm_cbor_close(out, map);
}

static bool is_path(bm_span path) {
  if (path.n == 0 || path.n > BM_EST_PATH_MAX || path.p[0] != '/') return false;
  for (size_t i = 0; i < path.n; i++) {
    if (path.p[i] <= ' ' || path.p[i] >= 0x7F) return false;
  }
  return true;
}

bm_status bm_cmd_owner_cacerts(bm_device* d, bm_span args, bm_cbor_writer* out) {
  bm_span host;
  bm_span certificates;
  bm_span means;
  bm_span path = bm_text("/.well-known/est/cacerts");
  bm_cbor_find_string(args, "path", &path);
  if (!bm_tls_host(args, &host) || !is_path(path)) {
    return bm_fail(d, BM_E_BAD_REQUEST,
                   "owner-cacerts needs \"host\", and a \"path\" of 128 bytes");
  }
  if (!bm_owner_load(d, &certificates, &means)) {
    return bm_fail(d, BM_E_NOT_READY, "the device has no owner: bring a voucher first");
  }
  if (!bm_tls_start(d, bm_span_none(), true, host)) {
    return bm_fail(d, BM_E_HARDWARE, "no memory for a TLS session");
  }
  d->est.wanted = true;
  memcpy(d->est.path, path.p, path.n);
  bm_cbor_entry_text(out, "verifier", BM_TLS_VERSION);
  bm_tls_answer(d, out);
  return BM_OK;
}

#endif
