// SPDX-License-Identifier: Apache-2.0
// One TLS 1.2 session of the device as a client: the library's own client and its own path
// validation, a verifier beside bm_verify_object. The device has no sockets: the console brings and
// takes the octets, and sees none of the keys. The session's anchor is one of those in force, or
// the owner's certificates; its policy is applied to what the library validated. Leaves out
// revocation, tickets, client certificates and TLS 1.3. Where the library has no TLS (bare metal
// here), every command says so. Thread rule: one loop owns the device.
#pragma once

#include <mbedtls/version.h>

#include "cbor.h"
#include "verify.h"

#ifdef MBEDTLS_SSL_CLI_C
#include <mbedtls/ssl.h>
#define BM_HAVE_TLS 1
// What a trial of a server shows holds for this build of the library.
#define BM_TLS_VERSION MBEDTLS_VERSION_STRING_FULL " tls"
#else
#define BM_HAVE_TLS 0
#define BM_TLS_VERSION ""
#endif

struct bm_device;

enum {
  BM_TLS_NAME_MAX = 255,     // octets of a host name or of an anchor's id
  BM_TLS_OUT_MAX = 8192,     // octets that wait for the host
  BM_TLS_PLAIN_MAX = 16384,  // octets that came and were not fetched
  BM_TLS_SEND_MAX = 4096,
};

typedef enum {
  BM_TLS_NONE,
  BM_TLS_HANDSHAKE,
  BM_TLS_OPEN,
  BM_TLS_REFUSED,
  BM_TLS_CLOSED,
} bm_tls_state;

typedef struct bm_tls {
  bm_tls_state state;
  bool opened;  // the handshake came to its end
  bm_verdict verdict;
  unsigned level;         // draft 5.1, of the server's key
  const char* algorithm;  // of the server's key, a COSE name
#if BM_HAVE_TLS
  bool owner;  // the owner's certificates are the anchors; else the one called `anchor`
  uint8_t anchor[BM_TLS_NAME_MAX];
  size_t anchor_size;
  char host[BM_TLS_NAME_MAX + 1];
  mbedtls_ssl_context ssl;
  mbedtls_ssl_config config;
  mbedtls_x509_crt nobody;  // what the library is told to trust: bm_tls_judge decides
  bm_span in;               // what the host brought, as far as it was not taken
  uint8_t out[BM_TLS_OUT_MAX];
  size_t out_size;
  uint8_t plain[BM_TLS_PLAIN_MAX];
  size_t plain_size;
#endif
} bm_tls;

// bm_tls_free forgets the session; what came over it stays until the next one.
void bm_tls_free(struct bm_device* d);

#if BM_HAVE_TLS
// bm_tls_start begins a session with `host` under an anchor in force; `owner` takes the owner's
// certificates instead. The session before it is forgotten. False: there is no memory for one.
bool bm_tls_start(struct bm_device* d, bm_span anchor, bool owner, bm_span host);
// bm_tls_run goes on as far as what the host brought lasts.
void bm_tls_run(struct bm_device* d, bm_span in);
// bm_tls_write sends; false when the session does not take it.
bool bm_tls_write(struct bm_device* d, bm_span data);
void bm_tls_close(struct bm_device* d);
// bm_tls_answer writes the session's state and the octets for the server.
void bm_tls_answer(struct bm_device* d, bm_cbor_writer* out);

// bm_tls_judge is the library's own path validation of a server's chain under the session's anchor,
// then the anchor's policy; *level and *algorithm are told also of what was refused.
bm_verdict bm_tls_judge(struct bm_device* d, mbedtls_x509_crt* chain, unsigned* level,
                        const char** algorithm);
#endif
