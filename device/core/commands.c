// SPDX-License-Identifier: Apache-2.0
// The commands of the station protocol and when each is allowed. Those on flash are in
// commands_flash.c. Every command is safe to repeat: a station that lost an answer asks again.
#include "internal.h"
#include "protocol.h"

static int slot_argument(bm_device* d, bm_span args) {
  bm_span name;
  int slot = bm_cbor_find_string(args, "slot", &name) ? bm_slot_find(name) : -1;
  if (slot < 0) d->error_text = "\"slot\" must be idevid, attestation, decrypt or group";
  return slot;
}

static bm_status hello(bm_device* d, bm_span args, bm_cbor_writer* out) {
  (void)args;
  bm_locks locks;
  bm_locks_read(d, &locks);
  static const char* const kHealth[] = {"empty", "ready", "damaged"};
  bm_cbor_entry_text(out, "board", d->hal.board->name);
  bm_cbor_entry_bytes(out, "uid", bm_span_of(d->hal.uid, d->hal.uid_size));
  bm_cbor_entry_text(out, "core", BM_CORE_VERSION);
  bm_cbor_entry_text(out, "tls", BM_TLS_VERSION);
  bm_cbor_entry_uint(out, "protocol", BM_FRAME_VERSION);
  bm_cbor_entry_bytes(out, "boot_id", bm_span_of(d->boot_id, sizeof d->boot_id));
  bm_cbor_entry_uint(out, "uptime_ms", d->hal.millis(d->hal.ctx));
  bool rom = d->running == BM_NO_STAGE;
  const bm_stage* stage = rom ? NULL : &d->stage[d->running];
  bm_cbor_entry_text(out, "running", rom ? "rom" : d->hal.board->partition[stage->partition].name);
  bm_cbor_entry_string(out, "name",
                       rom ? bm_span_none() : bm_span_of(stage->name, stage->name_size));
  bm_cbor_entry_uint(out, "version", rom ? 0 : stage->version);
  bm_cbor_entry_bool(out, "factory_commands", bm_factory_image(d));
  bm_cbor_entry_bool(out, "factory_mode", bm_factory_mode(d));
  bm_cbor_entry_bool(out, "sealed", locks.sealed);
  bm_cbor_entry_text(out, "private_memory", kHealth[d->private_health]);
  bm_cbor_entry_string(out, "serial", bm_serial(d));
  bm_cbor_entry_uint(out, "bad_frames", d->bad_frames);
  return BM_OK;
}

static bm_status boot_report(bm_device* d, bm_span args, bm_cbor_writer* out) {
  (void)args;
  bm_cbor_put_text(out, "boot");
  bm_write_boot(d, out);
  return BM_OK;
}

static bm_status private_memory_init(bm_device* d, bm_span args, bm_cbor_writer* out) {
  (void)args;
  // Asking twice must not throw keys away, so a memory that is ready is left alone.
  bool fresh = d->private_health == BM_PRIVATE_EMPTY;
  if (fresh && !d->rng.pass) {
    return bm_fail(d, BM_E_HARDWARE, "the random source failed its health test");
  }
  if (fresh && !bm_private_initialise(d)) {
    return bm_fail(d, BM_E_HARDWARE, "private memory could not be initialised");
  }
  if (d->private_health != BM_PRIVATE_READY) {
    return bm_fail(d, BM_E_HARDWARE, "private memory is damaged");
  }
  bm_cbor_entry_bool(out, "fresh", fresh);
  return BM_OK;
}

static bm_status entropy(bm_device* d, bm_span args, bm_cbor_writer* out) {
  bm_span seed;
  if (!bm_cbor_find_bytes(args, "seed", &seed) || seed.n < 16 || seed.n > 1024) {
    return bm_fail(d, BM_E_BAD_REQUEST, "\"seed\" must have 16 to 1024 bytes");
  }
  if (d->private_health != BM_PRIVATE_READY) {
    return bm_fail(d, BM_E_NOT_READY, "initialise private memory first");
  }
  bm_put_u32(d->state.contributions, bm_get_u32(d->state.contributions) + 1);
  if (!bm_rng_contribute(d, seed) || !bm_private_save(d)) {
    bm_private_load(d);
    return bm_fail(d, BM_E_HARDWARE, "the contribution could not be stored");
  }
  bm_cbor_put_text(out, "rng");
  bm_write_rng(d, out);
  return BM_OK;
}

static bm_status generate(bm_device* d, bm_span args, bm_cbor_writer* out) {
  bm_span algorithm;
  bool restart = false;
  int slot = slot_argument(d, args);
  if (slot < 0) return BM_E_BAD_REQUEST;
  if (!bm_cbor_find_string(args, "algorithm", &algorithm) || !bm_span_is(algorithm, "p256")) {
    return bm_fail(d, BM_E_UNSUPPORTED, "\"algorithm\" must be p256");
  }
  bm_cbor_find_bool(args, "restart", &restart);
  bm_status status = bm_identity_generate(d, (unsigned)slot, restart);
  if (status == BM_OK) bm_write_slot(d, (unsigned)slot, out);
  return status;
}

static bm_status slot_info(bm_device* d, bm_span args, bm_cbor_writer* out) {
  int slot = slot_argument(d, args);
  if (slot < 0) return BM_E_BAD_REQUEST;
  bm_write_slot(d, (unsigned)slot, out);
  return BM_OK;
}

// csr also proves that the key is here now: the proof signs the station's challenge together with
// the request, under a prefix nothing else this key signs can begin with.
static bm_status csr(bm_device* d, bm_span args, bm_cbor_writer* out) {
  static const char kPrefix[] = "birthmark csr proof 1";
  bm_span subject;
  bm_span challenge;
  bm_span der;
  int slot = slot_argument(d, args);
  if (slot < 0) return BM_E_BAD_REQUEST;
  if (!bm_cbor_find_string(args, "subject", &subject) ||
      !bm_cbor_find_bytes(args, "challenge", &challenge) || challenge.n > 64) {
    return bm_fail(d, BM_E_BAD_REQUEST,
                   "csr needs \"subject\" and a \"challenge\" of 64 bytes at most");
  }
  bm_span nonce;
  if (!bm_cbor_find_bytes(args, "nonce", &nonce)) nonce = bm_span_none();
  bm_status status = bm_identity_csr(d, (unsigned)slot, subject, nonce, &der);
  if (status != BM_OK) return status;
  uint8_t message[sizeof kPrefix - 1 + 1 + 64 + 32];
  uint8_t digest[32];
  uint8_t proof[64];
  size_t n = sizeof kPrefix - 1;
  memcpy(message, kPrefix, n);
  message[n++] = (uint8_t)challenge.n;
  if (challenge.n > 0) memcpy(message + n, challenge.p, challenge.n);
  n += challenge.n;
  bm_sha256(der, message + n);
  bm_sha256(bm_span_of(message, n + 32), digest);
  bm_identity id;
  bm_identity_load(d, (unsigned)slot, &id);
  bool good = bm_identity_sign(d, &id, digest, proof);
  bm_wipe(&id, sizeof id);
  if (!good) return bm_fail(d, BM_E_HARDWARE, "the proof could not be signed");
  bm_cbor_entry_bytes(out, "csr", der);
  bm_cbor_entry_bytes(out, "proof", bm_span_of(proof, sizeof proof));
  return BM_OK;
}

static bm_status put_certificate(bm_device* d, bm_span args, bm_cbor_writer* out) {
  bm_span chain;
  bool replace = false;
  int slot = slot_argument(d, args);
  if (slot < 0) return BM_E_BAD_REQUEST;
  if (!bm_cbor_find(args, "chain", &chain)) {
    return bm_fail(d, BM_E_BAD_REQUEST, "\"chain\" is missing");
  }
  bm_cbor_find_bool(args, "replace", &replace);
  bm_status status = bm_identity_put_chain(d, (unsigned)slot, chain, replace);
  if (status == BM_OK) bm_write_slot(d, (unsigned)slot, out);
  return status;
}

static bm_status get_certificate(bm_device* d, bm_span args, bm_cbor_writer* out) {
  int slot = slot_argument(d, args);
  if (slot < 0) return BM_E_BAD_REQUEST;
  bm_identity id;
  bm_identity_load(d, (unsigned)slot, &id);
  bm_wipe(id.key, sizeof id.key);
  bool from_element = false;
  bm_cbor_find_bool(args, "element", &from_element);
  if (from_element) return bm_element_get_leaf(d, &id, out);
  if (!id.certificate) {
    return bm_fail(d, BM_E_NOT_FOUND,
                   id.mismatch ? "the certificate is not for this slot's key" : "no certificate");
  }
  bm_cbor_put_text(out, "chain");
  bm_cbor_put_raw(out, id.chain);
  return BM_OK;
}

static bm_status set_serial(bm_device* d, bm_span args, bm_cbor_writer* out) {
  bm_span serial;
  if (d->hal.board->key_in_factory_data) {
    return bm_fail(d, BM_E_UNSUPPORTED, "this board takes its serial number from factory-data");
  }
  if (!bm_cbor_find_string(args, "serial", &serial) || serial.n == 0 || serial.n > BM_MAX_SERIAL) {
    return bm_fail(d, BM_E_BAD_REQUEST, "\"serial\" must have 1 to 64 bytes");
  }
  if (d->private_health != BM_PRIVATE_READY) {
    return bm_fail(d, BM_E_NOT_READY, "initialise private memory first");
  }
  if (d->state.serial_size > 0 && !bm_span_equal(bm_serial(d), serial)) {
    return bm_fail(d, BM_E_OCCUPIED, "the device has another serial number");
  }
  if (d->state.serial_size == 0) {
    memcpy(d->state.serial, serial.p, serial.n);
    d->state.serial_size = (uint8_t)serial.n;
    if (!bm_private_save(d)) return bm_fail(d, BM_E_HARDWARE, "private memory refused the write");
  }
  bm_cbor_entry_string(out, "serial", bm_serial(d));
  return BM_OK;
}

static bm_status blow(bm_device* d, bm_span args, bm_cbor_writer* out) {
  bm_span name;
  bm_span digest = bm_span_none();
  bool already = false;
  if (!bm_cbor_find_string(args, "fuse", &name)) {
    return bm_fail(d, BM_E_BAD_REQUEST, "\"fuse\" is missing");
  }
  bm_cbor_find_bytes(args, "digest", &digest);
  bm_status status = bm_blow(d, name, digest, &already);
  if (status == BM_OK) bm_cbor_entry_bool(out, "already", already);
  return status;
}

static bm_status lock(bm_device* d, bm_span args, bm_cbor_writer* out) {
  bm_span which;
  bm_span by;
  if (!bm_cbor_find_string(args, "which", &which) || !bm_cbor_find_string(args, "by", &by) ||
      !(bm_span_is(which, "identity") || bm_span_is(which, "first-stage")) ||
      !(bm_span_is(by, "fuse") || bm_span_is(by, "software"))) {
    return bm_fail(d, BM_E_BAD_REQUEST,
                   "lock needs which: identity|first-stage, by: fuse|software");
  }
  bool identity = bm_span_is(which, "identity");
  bool already = false;
  bm_locks locks;
  bm_locks_read(d, &locks);
  bm_status status;
  if (bm_span_is(by, "fuse")) {
    status = bm_blow(d, bm_text(identity ? "identity-lock" : "first-stage-lock"), bm_span_none(),
                     &already);
  } else {
    already = identity ? locks.identity_software : locks.first_stage_software;
    status = bm_lock_software(d, identity, !identity);
  }
  if (status == BM_OK) bm_cbor_entry_bool(out, "already", already);
  return status;
}

static bm_status unconfigure(bm_device* d, bm_span args, bm_cbor_writer* out) {
  (void)args;
  bm_status status = bm_unconfigure(d);
  if (status == BM_OK) {
    bm_cbor_entry_uint(out, "unconfigure_count", bm_get_u32(d->state.unconfigure_count));
  }
  return status;
}

static bm_status reset(bm_device* d, bm_span args, bm_cbor_writer* out) {
  (void)args;
  (void)out;
  d->reset_wanted = true;  // after the answer has left
  return BM_OK;
}

static bm_status report(bm_device* d, bm_span args, bm_cbor_writer* out) {
  bm_span nonce;
  if (!bm_cbor_find_bytes(args, "nonce", &nonce) || nonce.n < 8 || nonce.n > 64) {
    return bm_fail(d, BM_E_BAD_REQUEST, "\"nonce\" must have 8 to 64 bytes");
  }
  bm_span name;
  int slot = 0;
  if (bm_cbor_find_string(args, "slot", &name) && (slot = slot_argument(d, args)) < 0) {
    return BM_E_BAD_REQUEST;
  }
  return bm_write_report(d, (unsigned)slot, nonce, out);
}

// trial asks the verifier what it thinks of an object under an anchor as it stands in the device,
// without installing anything.
static bm_status trial(bm_device* d, bm_span args, bm_cbor_writer* out) {
  bm_span object;
  bm_span id;
  bm_anchor anchor;
  uint8_t digest[BM_DIGEST];
  bool changed;
  if (!bm_cbor_find_bytes(args, "object", &object) || !bm_cbor_find_string(args, "anchor", &id)) {
    return bm_fail(d, BM_E_BAD_REQUEST, "trial needs \"object\" and \"anchor\"");
  }
  if (!bm_anchor_in_force(d, id, &anchor, digest, &changed)) {
    return bm_fail(d, BM_E_NOT_FOUND,
                   changed ? "flash changed since the boot: reset first" : "no anchor of that id");
  }
  bm_container container;
  bm_manifest manifest;
  bm_verify_result result;
  bool whole = bm_container_parse(object, &container);
  bm_verdict verdict = bm_verify_object(&anchor, whole ? container.envelope : object, &result);
  if (verdict == BM_ACCEPTED && whole) {
    uint8_t actual[BM_DIGEST];
    bm_sha256(container.rest, actual);
    if (!bm_manifest_parse(result.payload, &manifest)) {
      verdict = BM_REFUSED_FORMAT;
    } else if (manifest.size != container.rest.n) {
      verdict = BM_REFUSED_IMAGE_SIZE;
    } else if (memcmp(actual, manifest.sha256.p, BM_DIGEST) != 0) {
      verdict = BM_REFUSED_IMAGE_DIGEST;
    }
  }
  bm_cbor_entry_bool(out, "accepted", verdict == BM_ACCEPTED);
  bm_cbor_entry_uint(out, "verdict", verdict);
  bm_cbor_entry_text(out, "text", bm_verdict_text(verdict));
  bm_cbor_entry_uint(out, "level", result.level);
  bm_cbor_entry_text(out, "algorithm", result.algorithm == NULL ? "" : result.algorithm);
  return BM_OK;
}

enum {
  kFirmware = 1,  // an image must be running, the boot ROM alone cannot do it
  kFactory = 2,   // the running image carries factory commands and the identity lock is open
  kUnsealed = 4,
};

static const struct {
  uint8_t type;
  uint8_t rules;
  bm_handler run;
} kCommands[] = {
    {BM_CMD_HELLO, 0, hello},
    {BM_CMD_BOOT_REPORT, 0, boot_report},
    {BM_CMD_SELF_TEST, kFirmware, bm_cmd_self_test},
    {BM_CMD_PRIVATE_MEMORY_INIT, kFirmware | kUnsealed | kFactory, private_memory_init},
    {BM_CMD_ENTROPY, kFirmware | kUnsealed | kFactory, entropy},
    {BM_CMD_GENERATE, kFirmware | kUnsealed | kFactory, generate},
    {BM_CMD_SLOT, kFirmware, slot_info},
    {BM_CMD_CSR, kFirmware | kUnsealed | kFactory, csr},
    {BM_CMD_PUT_CERTIFICATE, kFirmware | kUnsealed | kFactory, put_certificate},
    {BM_CMD_GET_CERTIFICATE, kFirmware, get_certificate},
    {BM_CMD_SET_SERIAL, kFirmware | kUnsealed | kFactory, set_serial},
    {BM_CMD_FLASH_WRITE, kFirmware | kUnsealed | kFactory, bm_cmd_flash_write},
    {BM_CMD_FLASH_ERASE, kFirmware | kUnsealed, bm_cmd_flash_erase},
    {BM_CMD_FLASH_DIGEST, 0, bm_cmd_flash_digest},
    {BM_CMD_FLASH_READ, kFirmware | kUnsealed, bm_cmd_flash_read},
    // Commands that only close doors work in any image until the seal.
    {BM_CMD_BLOW, kFirmware | kUnsealed, blow},
    {BM_CMD_LOCK, kFirmware | kUnsealed, lock},
    {BM_CMD_UNCONFIGURE, kFirmware | kUnsealed, unconfigure},
    {BM_CMD_RESET, 0, reset},
    {BM_CMD_REPORT, 0, report},
    {BM_CMD_TRIAL, kFirmware, trial},
    {BM_CMD_ELEMENT_INFO, kFirmware, bm_cmd_element_info},
    {BM_CMD_ELEMENT_MAKE, kFirmware | kUnsealed | kFactory, bm_cmd_element_make},
    {BM_CMD_ELEMENT_ATTEST, kFirmware | kUnsealed, bm_cmd_element_attest},
    {BM_CMD_ELEMENT_ACTIVATE, kFirmware | kUnsealed, bm_cmd_element_activate},
    {BM_CMD_ELEMENT_FACTS, kFirmware, bm_cmd_element_facts},
    {BM_CMD_CHIP, kFirmware, bm_cmd_chip},
    {BM_CMD_CHIP_ACTIVATE, kFirmware, bm_cmd_chip_activate},
    {BM_CMD_CHIP_PROOF, kFirmware | kUnsealed, bm_cmd_chip_proof},
    {BM_CMD_SEED_FACTS, kFirmware, bm_cmd_seed_facts},
    {BM_CMD_DERIVE, kFirmware | kUnsealed | kFactory, bm_cmd_derive},
    {BM_CMD_PUT_SECRET, kFirmware | kUnsealed | kFactory, bm_cmd_put_secret},
    {BM_CMD_SECRET_CHECK, kFirmware, bm_cmd_secret_check},
    {BM_CMD_UPDATE_OPEN, kFirmware, bm_cmd_update_open},
    {BM_CMD_VOUCHER_REQUEST, kFirmware, bm_cmd_voucher_request},
    {BM_CMD_VOUCHER, kFirmware, bm_cmd_voucher},
    {BM_CMD_OWNER, 0, bm_cmd_owner},
    {BM_CMD_OWNER_CACERTS, kFirmware, bm_cmd_owner_cacerts},
    {BM_CMD_OWNER_RESET, kFirmware, bm_cmd_owner_reset},
    {BM_CMD_TLS_OPEN, kFirmware, bm_cmd_tls_open},
    {BM_CMD_TLS_PUMP, kFirmware, bm_cmd_tls_pump},
    {BM_CMD_TLS_SEND, kFirmware, bm_cmd_tls_send},
    {BM_CMD_TLS_RECEIVE, kFirmware, bm_cmd_tls_receive},
    {BM_CMD_TLS_CLOSE, kFirmware, bm_cmd_tls_close},
    {BM_CMD_DEBUG_CHALLENGE, kFirmware, bm_cmd_debug_challenge},
    {BM_CMD_DEBUG_UNLOCK, kFirmware, bm_cmd_debug_unlock},
    {BM_CMD_IMAGE_OFFER, kFirmware, bm_cmd_image_offer},
    {BM_CMD_ANCHORS, 0, bm_cmd_anchors},
    {BM_CMD_BOOT_LOG, 0, bm_cmd_boot_log},
    {BM_CMD_TOKEN, kFirmware, bm_cmd_token},
    {BM_CMD_TAM_MESSAGE, kFirmware, bm_cmd_tam_message},
    {BM_CMD_UPDATE_BEGIN, kFirmware, bm_cmd_update_begin},
    {BM_CMD_UPDATE_WRITE, kFirmware, bm_cmd_update_write},
    {BM_CMD_UPDATE_FINISH, kFirmware, bm_cmd_update_finish},
    {BM_CMD_UPDATE_CONFIRM, kFirmware, bm_cmd_update_confirm},
    {BM_CMD_UPDATE_STATE, kFirmware, bm_cmd_update_state},
};

// repeats_seal recognises the station that lost the answer to sealing and asks again.
static bool repeats_seal(uint8_t type, bm_span args) {
  bm_span name;
  return type == BM_CMD_BLOW && bm_cbor_find_string(args, "fuse", &name) &&
         bm_span_is(name, "seal");
}

bm_status bm_run_command(bm_device* d, uint8_t type, bm_span args, bm_cbor_writer* out) {
  d->error_text = "refused";
  for (size_t i = 0; i < sizeof kCommands / sizeof kCommands[0]; i++) {
    if (kCommands[i].type != type) continue;
    bm_locks locks;
    bm_locks_read(d, &locks);
    if ((kCommands[i].rules & kFirmware) && d->running == BM_NO_STAGE) {
      return bm_fail(d, BM_E_NO_FIRMWARE, "no image runs, only the boot ROM answers");
    }
    if ((kCommands[i].rules & kUnsealed) && locks.sealed && !repeats_seal(type, args)) {
      return bm_fail(d, BM_E_SEALED, "the device is sealed");
    }
    if ((kCommands[i].rules & kFactory) && !bm_factory_mode(d)) {
      return bm_factory_image(d)
                 ? bm_fail(d, BM_E_LOCKED, "the identity lock is closed")
                 : bm_fail(d, BM_E_NOT_FACTORY, "the running image has no factory commands");
    }
    return kCommands[i].run(d, args, out);
  }
  return bm_fail(d, BM_E_UNKNOWN_COMMAND, "unknown command");
}
