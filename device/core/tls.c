// SPDX-License-Identifier: Apache-2.0
#include "internal.h"

#if BM_HAVE_TLS

// A key that leaks later opens no recorded session: ephemeral keys and sealed records alone
// (RFC 9325 section 4.2).
static const int kSuites[] = {MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                              MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
                              MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
                              MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
                              MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
                              MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
                              0};

static int give(void* ctx, const unsigned char* p, size_t n) {
  bm_tls* s = ctx;
  size_t room = sizeof s->out - s->out_size;
  if (room == 0) return MBEDTLS_ERR_SSL_WANT_WRITE;
  if (n > room) n = room;
  memcpy(s->out + s->out_size, p, n);
  s->out_size += n;
  return (int)n;
}

static int take(void* ctx, unsigned char* p, size_t n) {
  bm_tls* s = ctx;
  if (s->in.n == 0) return MBEDTLS_ERR_SSL_WANT_READ;
  if (n > s->in.n) n = s->in.n;
  memcpy(p, s->in.p, n);
  s->in = bm_span_of(s->in.p + n, s->in.n - n);
  return (int)n;
}

// on_chain is where the handshake asks about the server's certificate, the server's own last: the
// library trusts nobody by itself, and this judgement takes the place of its own.
static int on_chain(void* device, mbedtls_x509_crt* c, int depth, uint32_t* flags) {
  bm_device* d = device;
  bm_tls* s = &d->tls;
  *flags = 0;
  if (depth > 0) return 0;
  s->verdict = bm_tls_judge(d, c, &s->level, &s->algorithm);
  if (s->verdict != BM_ACCEPTED) *flags = MBEDTLS_X509_BADCERT_OTHER;
  return 0;
}

static void end(bm_tls* s, bm_tls_state state) {
  mbedtls_ssl_free(&s->ssl);
  mbedtls_ssl_config_free(&s->config);
  s->state = state;
}

void bm_tls_free(bm_device* d) {
  bm_tls* s = &d->tls;
  if (s->state == BM_TLS_HANDSHAKE || s->state == BM_TLS_OPEN) end(s, BM_TLS_NONE);
  bm_wipe(s, sizeof *s);
  memset(&d->est, 0, sizeof d->est);
}

bool bm_tls_start(bm_device* d, bm_span anchor, bool owner, bm_span host) {
  bm_tls* s = &d->tls;
  bm_tls_free(d);
  if (!owner) memcpy(s->anchor, anchor.p, anchor.n);
  s->anchor_size = owner ? 0 : anchor.n;
  s->owner = owner;
  memcpy(s->host, host.p, host.n);
  s->verdict = BM_REFUSED_HANDSHAKE;
  s->algorithm = "";
  s->state = BM_TLS_HANDSHAKE;
  mbedtls_ssl_init(&s->ssl);
  mbedtls_ssl_config_init(&s->config);
  mbedtls_x509_crt_init(&s->nobody);
  bool good =
      mbedtls_ssl_config_defaults(&s->config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                  MBEDTLS_SSL_PRESET_DEFAULT) == 0;
  mbedtls_ssl_conf_min_version(&s->config, MBEDTLS_SSL_MAJOR_VERSION_3,
                               MBEDTLS_SSL_MINOR_VERSION_3);
  mbedtls_ssl_conf_ciphersuites(&s->config, kSuites);
  mbedtls_ssl_conf_authmode(&s->config, MBEDTLS_SSL_VERIFY_REQUIRED);
  mbedtls_ssl_conf_ca_chain(&s->config, &s->nobody, NULL);
  mbedtls_ssl_conf_verify(&s->config, on_chain, d);
  mbedtls_ssl_conf_rng(&s->config, bm_rng_fill, d);
  mbedtls_ssl_conf_renegotiation(&s->config, MBEDTLS_SSL_RENEGOTIATION_DISABLED);
  mbedtls_ssl_conf_session_tickets(&s->config, MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
  good = good && mbedtls_ssl_setup(&s->ssl, &s->config) == 0 &&
         mbedtls_ssl_set_hostname(&s->ssl, s->host) == 0;
  if (!good) {
    end(s, BM_TLS_NONE);
    return false;
  }
  mbedtls_ssl_set_bio(&s->ssl, s, give, take, NULL);
  bm_tls_run(d, bm_span_none());
  return true;
}

// refuse says why a session came to nothing. What the library checks after the judgement (the uses
// that a certificate allows, RFC 5280 section 4.2.1.12) stands in its flags.
static void refuse(bm_tls* s) {
  uint32_t flags = mbedtls_ssl_get_verify_result(&s->ssl);
  bool judged = s->verdict != BM_REFUSED_HANDSHAKE && s->verdict != BM_ACCEPTED;
  if (!judged) {
    s->verdict = BM_REFUSED_HANDSHAKE;
    if (flags != (uint32_t)-1) {
      if (flags & MBEDTLS_X509_BADCERT_KEY_USAGE) s->verdict = BM_REFUSED_CHAIN_RULES;
      if (flags & MBEDTLS_X509_BADCERT_EXT_KEY_USAGE) s->verdict = BM_REFUSED_EKU;
      if (flags & MBEDTLS_X509_BADCERT_BAD_KEY) s->verdict = BM_REFUSED_WEAK;
    }
  }
  end(s, BM_TLS_REFUSED);
}

static bool waits(int r) {
  return r == MBEDTLS_ERR_SSL_WANT_READ || r == MBEDTLS_ERR_SSL_WANT_WRITE;
}

static void receive(bm_tls* s) {
  while (s->plain_size < sizeof s->plain) {
    int r = mbedtls_ssl_read(&s->ssl, s->plain + s->plain_size, sizeof s->plain - s->plain_size);
    if (r > 0) {
      s->plain_size += (size_t)r;
    } else if (r == 0 || r == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
      end(s, BM_TLS_CLOSED);
      return;
    } else {
      if (!waits(r)) refuse(s);
      return;
    }
  }
}

void bm_tls_run(bm_device* d, bm_span in) {
  bm_tls* s = &d->tls;
  s->in = in;
  if (s->state == BM_TLS_HANDSHAKE) {
    int r = mbedtls_ssl_handshake(&s->ssl);
    if (r == 0) {
      s->state = BM_TLS_OPEN;
      s->opened = true;
    } else if (!waits(r)) {
      refuse(s);
    }
  }
  bm_est_send(d);
  if (s->state == BM_TLS_OPEN) receive(s);
  bm_est_receive(d);
}

bool bm_tls_write(bm_device* d, bm_span data) {
  bm_tls* s = &d->tls;
  // A record and its head fit what is free, so that nothing is left half sent.
  if (s->state != BM_TLS_OPEN || data.n == 0 || data.n > BM_TLS_SEND_MAX ||
      sizeof s->out - s->out_size < data.n + 512) {
    return false;
  }
  return mbedtls_ssl_write(&s->ssl, data.p, data.n) == (int)data.n;
}

void bm_tls_close(bm_device* d) {
  bm_tls* s = &d->tls;
  if (s->state == BM_TLS_OPEN) mbedtls_ssl_close_notify(&s->ssl);
  if (s->state == BM_TLS_OPEN || s->state == BM_TLS_HANDSHAKE) end(s, BM_TLS_CLOSED);
}

void bm_tls_answer(bm_device* d, bm_cbor_writer* out) {
  static const char* const kStates[] = {"none", "handshake", "open", "refused", "closed"};
  bm_tls* s = &d->tls;
  // A certificate that was judged well is no session yet: its key has to answer.
  bm_verdict verdict = s->verdict == BM_ACCEPTED && !s->opened ? BM_REFUSED_HANDSHAKE : s->verdict;
  bm_cbor_entry_text(out, "state", kStates[s->state]);
  bm_cbor_entry_bool(out, "accepted", verdict == BM_ACCEPTED);
  bm_cbor_entry_uint(out, "verdict", verdict);
  bm_cbor_entry_text(out, "text", bm_verdict_text(verdict));
  bm_cbor_entry_uint(out, "level", s->level);
  bm_cbor_entry_text(out, "algorithm", s->algorithm == NULL ? "" : s->algorithm);
  bm_cbor_entry_uint(out, "left", s->in.n);
  bm_cbor_entry_uint(out, "waiting", s->plain_size);
  bm_cbor_entry_bytes(out, "out", bm_span_of(s->out, s->out_size));
  bm_est_answer(d, out);
  s->in = bm_span_none();
  s->out_size = 0;
}

static bool host_name(bm_span host) {
  if (host.n == 0 || host.n > BM_TLS_NAME_MAX) return false;
  for (size_t i = 0; i < host.n; i++) {
    if (host.p[i] <= ' ' || host.p[i] >= 0x7F) return false;
  }
  return true;
}

bool bm_tls_host(bm_span args, bm_span* host) {
  return bm_cbor_find_string(args, "host", host) && host_name(*host);
}

bm_status bm_cmd_tls_open(bm_device* d, bm_span args, bm_cbor_writer* out) {
  bm_span id = bm_span_none();
  bm_span host;
  bm_span means;
  bm_span list;
  bm_anchor anchor;
  uint8_t digest[BM_DIGEST];
  bool changed = false;
  bool owner = false;
  bm_cbor_find_bool(args, "owner", &owner);
  if (!bm_tls_host(args, &host) || (!owner && !bm_cbor_find_string(args, "anchor", &id)) ||
      id.n > BM_TLS_NAME_MAX) {
    return bm_fail(d, BM_E_BAD_REQUEST, "tls-open needs \"host\", and \"anchor\" or \"owner\"");
  }
  if (owner && !bm_owner_load(d, &list, &means)) {
    return bm_fail(d, BM_E_NOT_READY, "the device has no owner: bring a voucher first");
  }
  if (!owner && !bm_anchor_in_force(d, id, &anchor, digest, &changed)) {
    return bm_fail(d, BM_E_NOT_FOUND,
                   changed ? "flash changed since the boot: reset first" : "no anchor of that id");
  }
  // An anchor is for what its image says; a key that signs code says nothing about servers.
  if (!owner && !bm_span_is(anchor.verifies, "tls-server")) {
    return bm_fail(d, BM_E_NOT_FOUND, "this anchor verifies no server");
  }
  if (!bm_tls_start(d, id, owner, host)) {
    return bm_fail(d, BM_E_HARDWARE, "no memory for a TLS session");
  }
  bm_cbor_entry_text(out, "verifier", BM_TLS_VERSION);
  bm_tls_answer(d, out);
  return BM_OK;
}

bm_status bm_cmd_tls_pump(bm_device* d, bm_span args, bm_cbor_writer* out) {
  bm_span in = bm_span_none();
  bm_cbor_find_bytes(args, "in", &in);
  if (d->tls.state == BM_TLS_NONE) return bm_fail(d, BM_E_NOT_READY, "open a TLS session first");
  bm_tls_run(d, in);
  bm_tls_answer(d, out);
  return BM_OK;
}

bm_status bm_cmd_tls_send(bm_device* d, bm_span args, bm_cbor_writer* out) {
  bm_span data;
  if (!bm_cbor_find_bytes(args, "data", &data) || data.n == 0 || data.n > BM_TLS_SEND_MAX) {
    return bm_fail(d, BM_E_BAD_REQUEST, "\"data\" must have 1 to 4096 bytes");
  }
  if (!bm_tls_write(d, data)) return bm_fail(d, BM_E_NOT_READY, "no TLS session is open");
  bm_tls_answer(d, out);
  return BM_OK;
}

bm_status bm_cmd_tls_receive(bm_device* d, bm_span args, bm_cbor_writer* out) {
  (void)args;
  enum { kMost = 8192 };
  bm_tls* s = &d->tls;
  size_t n = s->plain_size < kMost ? s->plain_size : kMost;
  bm_cbor_entry_bytes(out, "data", bm_span_of(s->plain, n));
  memmove(s->plain, s->plain + n, s->plain_size - n);
  s->plain_size -= n;
  bm_cbor_entry_uint(out, "waiting", s->plain_size);
  return BM_OK;
}

bm_status bm_cmd_tls_close(bm_device* d, bm_span args, bm_cbor_writer* out) {
  (void)args;
  bm_tls_close(d);
  bm_tls_answer(d, out);
  return BM_OK;
}

#else

void bm_tls_free(bm_device* d) { (void)d; }

static bm_status none(bm_device* d, bm_span args, bm_cbor_writer* out) {
  (void)args;
  (void)out;
  return bm_fail(d, BM_E_UNSUPPORTED, "this build of the firmware has no TLS");
}

bm_status bm_cmd_tls_open(bm_device* d, bm_span args, bm_cbor_writer* out) {
  return none(d, args, out);
}
bm_status bm_cmd_tls_pump(bm_device* d, bm_span args, bm_cbor_writer* out) {
  return none(d, args, out);
}
bm_status bm_cmd_tls_send(bm_device* d, bm_span args, bm_cbor_writer* out) {
  return none(d, args, out);
}
bm_status bm_cmd_tls_receive(bm_device* d, bm_span args, bm_cbor_writer* out) {
  return none(d, args, out);
}
bm_status bm_cmd_tls_close(bm_device* d, bm_span args, bm_cbor_writer* out) {
  return none(d, args, out);
}
bm_status bm_cmd_owner_cacerts(bm_device* d, bm_span args, bm_cbor_writer* out) {
  return none(d, args, out);
}

#endif
