// SPDX-License-Identifier: Apache-2.0
#include "chip.h"

#include <errno.h>
#include <mbedtls/ecdsa.h>
#include <stdio.h>
#include <stdlib.h>

#include "device/core/cbor.h"
#include "nvm.h"

enum { kMaxCertificates = 4, kLine = 2 * 4096 + 64 };

static int random_fill(void* ctx, unsigned char* out, size_t n) {
  (void)ctx;
  return nvm_random(out, n) ? 0 : -1;
}

// unhex decodes a whole text; false when it is no hexadecimal or does not fit.
static bool unhex(const char* text, uint8_t* out, size_t capacity, size_t* size) {
  size_t n = strlen(text);
  if (n == 0 || n % 2 != 0 || n / 2 > capacity) return false;
  for (size_t i = 0; i < n; i += 2) {
    char two[3] = {text[i], text[i + 1], 0};
    char* end;
    out[i / 2] = (uint8_t)strtoul(two, &end, 16);
    if (*end != 0 || two[0] == ' ' || two[0] == '-' || two[0] == '+') return false;
  }
  *size = n / 2;
  return true;
}

static bool load(const chip* c, mbedtls_ecp_keypair* pair) {
  return mbedtls_ecp_group_load(&pair->grp, MBEDTLS_ECP_DP_SECP256R1) == 0 &&
         mbedtls_mpi_read_binary(&pair->d, c->key, sizeof c->key) == 0 &&
         mbedtls_ecp_check_privkey(&pair->grp, &pair->d) == 0;
}

static bool find_point(chip* c) {
  mbedtls_ecp_keypair pair;
  mbedtls_ecp_keypair_init(&pair);
  size_t n = 0;
  bool good = load(c, &pair) &&
              mbedtls_ecp_mul(&pair.grp, &pair.Q, &pair.d, &pair.grp.G, random_fill, NULL) == 0 &&
              mbedtls_ecp_point_write_binary(&pair.grp, &pair.Q, MBEDTLS_ECP_PF_UNCOMPRESSED, &n,
                                             c->point, sizeof c->point) == 0;
  mbedtls_ecp_keypair_free(&pair);
  return good;
}

// read_line takes one line "word value" apart; certificates go behind one another into `der`.
static bool read_line(chip* c, char* line, bm_cbor_writer* chain, unsigned* certificates) {
  static uint8_t der[kLine / 2];
  size_t size = 0;
  char* value = strchr(line, ' ');
  if (value == NULL) return false;
  *value++ = 0;
  if (strcmp(line, "uid") == 0) return unhex(value, c->uid, sizeof c->uid, &c->uid_size);
  if (strcmp(line, "key") == 0) return unhex(value, c->key, sizeof c->key, &size) && size == 32;
  if (strcmp(line, "active") == 0) {
    c->active = strcmp(value, "yes") == 0;
    return true;
  }
  if (strcmp(line, "password") == 0) {
    if (strlen(value) > CHIP_PASSWORD) return false;
    strcpy(c->password, value);
    return true;
  }
  if (strcmp(line, "certificate") != 0 || !unhex(value, der, sizeof der, &size)) return false;
  bm_cbor_put_bytes(chain, bm_span_of(der, size));
  return ++*certificates <= kMaxCertificates;
}

const char* chip_open(chip* c, const char* folder) {
  static char line[kLine];
  memset(c, 0, sizeof *c);
  if (snprintf(c->path, sizeof c->path, "%s/element", folder) >= (int)sizeof c->path) {
    return "the state folder's name is too long";
  }
  FILE* f = fopen(c->path, "r");
  if (f == NULL) return errno == ENOENT ? NULL : "the file \"element\" cannot be read";
  bm_cbor_writer chain;
  unsigned certificates = 0;
  // The head of an array of so few is one octet; it is written when their number is known.
  bm_cbor_start(&chain, c->chain + 1, sizeof c->chain - 1);
  bool good = true;
  while (good && fgets(line, sizeof line, f) != NULL) {
    line[strcspn(line, "\n")] = 0;
    good = read_line(c, line, &chain, &certificates);
  }
  fclose(f);
  c->chain[0] = (uint8_t)(BM_CBOR_ARRAY << 5 | certificates);
  c->chain_size = certificates == 0 ? 0 : 1 + chain.size;
  if (!good || chain.full || c->uid_size == 0 || !find_point(c)) {
    return "the file \"element\" is no element";
  }
  if (c->password[0] == 0) c->active = true;
  return NULL;
}

bool chip_activate(chip* c, bm_span password) {
  if (c->active) return true;
  if (!bm_span_is(password, c->password)) return false;
  FILE* f = fopen(c->path, "a");
  if (f == NULL) return false;
  bool kept = fputs("active yes\n", f) >= 0;
  if (fclose(f) != 0 || !kept) return false;
  c->active = true;
  return true;
}

bool chip_sign(chip* c, const uint8_t digest[32], uint8_t signature[64]) {
  if (!c->active) return false;
  mbedtls_ecp_keypair pair;
  mbedtls_mpi r;
  mbedtls_mpi s;
  mbedtls_ecp_keypair_init(&pair);
  mbedtls_mpi_init(&r);
  mbedtls_mpi_init(&s);
  bool good = load(c, &pair) &&
              mbedtls_ecdsa_sign_det_ext(&pair.grp, &r, &s, &pair.d, digest, 32, MBEDTLS_MD_SHA256,
                                         random_fill, NULL) == 0 &&
              mbedtls_mpi_write_binary(&r, signature, 32) == 0 &&
              mbedtls_mpi_write_binary(&s, signature + 32, 32) == 0;
  mbedtls_mpi_free(&r);
  mbedtls_mpi_free(&s);
  mbedtls_ecp_keypair_free(&pair);
  return good;
}
