// SPDX-License-Identifier: Apache-2.0
// What the rooms of the core call of each other. Leaves out the port's view: see device.h.
#pragma once

#include "device.h"

// ---- rng.c: the hardware source, its health test, the generator behind every key.
bool bm_rng_start(bm_device* d);
int bm_rng_fill(void* device, unsigned char* out, size_t n);  // the shape mbedTLS wants
bool bm_rng_contribute(bm_device* d, bm_span seed);
void bm_rng_test(bm_device* d);

// ---- private.c: private memory.
void bm_private_load(bm_device* d);
bool bm_private_initialise(bm_device* d);
// bm_private_save commits the state; on failure the state in RAM is read back from the memory.
bool bm_private_save(bm_device* d);
void bm_wipe(void* p, size_t n);

// ---- factory_data.c: certificates (and, on a board made for it, the identity itself).
bool bm_chain_load(const bm_device* d, unsigned slot, bm_span* chain_cbor);
bool bm_chain_save(bm_device* d, unsigned slot, bm_span chain_cbor);
// bm_factory_record returns the CBOR map of a "BMFD" record at the start of factory-data.
bool bm_factory_record(const bm_device* d, bm_span* map);

// ---- identity.c: slots, requests, signatures.
typedef struct {
  bool occupied;
  bool certificate;     // a chain is stored and its leaf holds this key
  bool mismatch;        // a chain is stored and its leaf holds another key
  bool chip;            // the key is the secure element's: `key` is empty
  const char* element;  // the key is in the element behind the processor, under this slot's name
  uint32_t generation;
  uint8_t key[BM_P256_KEY];
  uint8_t point[BM_P256_POINT];
  bm_span chain;  // CBOR array of DER certificates
} bm_identity;

extern const char* const bm_slot_names[BM_SLOTS];
int bm_slot_find(bm_span name);
void bm_identity_load(bm_device* d, unsigned slot, bm_identity* out);
// bm_identity_ready tells whether a slot can be given a key.
bm_status bm_identity_ready(bm_device* d);
bm_status bm_identity_generate(bm_device* d, unsigned slot, bool restart);
// bm_identity_bring takes a private key that was made outside, for a slot whose key a batch shares.
bm_status bm_identity_bring(bm_device* d, unsigned slot, bm_span key, bool replace);
// bm_identity_csr makes a request; a nonce asks for the element's statement in it.
bm_status bm_identity_csr(bm_device* d, unsigned slot, bm_span subject, bm_span nonce,
                          bm_span* der);
bm_status bm_identity_put_chain(bm_device* d, unsigned slot, bm_span chain, bool replace);
bool bm_sign_es256(bm_device* d, const uint8_t key[BM_P256_KEY], const uint8_t digest[32],
                   uint8_t signature[64]);
// bm_identity_sign signs with a loaded identity, by the element where the key is there.
bool bm_identity_sign(bm_device* d, const bm_identity* id, const uint8_t digest[32],
                      uint8_t signature[64]);
void bm_spki_of(const uint8_t point[BM_P256_POINT], uint8_t out[BM_P256_SPKI]);
bm_span bm_serial(bm_device* d);

// ---- secrets.c and hpke.c: secrets that are no key pair, and what is encrypted to the device.
bool bm_hmac_sha256(bm_span key, const bm_span* parts, size_t count, uint8_t out[BM_DIGEST]);

// ---- element.c: a secure element behind the processor.
enum { BM_SLOT_IN_ELEMENT = 2 };  // bm_private_state.slot.occupied
// bm_element_csr makes a request by the element's key; with a nonce it carries the element's
// statement about that key.
bm_status bm_element_csr(bm_device* d, unsigned slot, const char* subject, bm_span nonce,
                         bm_span* der);
// bm_element_put_leaf stores the first certificate of a chain in the element, bm_element_get_leaf
// answers with the one that is there.
bm_status bm_element_put_leaf(bm_device* d, const bm_identity* id, bm_span chain);
bm_status bm_element_get_leaf(bm_device* d, const bm_identity* id, bm_cbor_writer* out);
bm_status bm_cmd_element_info(bm_device* d, bm_span args, bm_cbor_writer* out);
bm_status bm_cmd_element_make(bm_device* d, bm_span args, bm_cbor_writer* out);
bm_status bm_cmd_element_attest(bm_device* d, bm_span args, bm_cbor_writer* out);
bm_status bm_cmd_element_activate(bm_device* d, bm_span args, bm_cbor_writer* out);
bm_status bm_cmd_element_facts(bm_device* d, bm_span args, bm_cbor_writer* out);

// ---- boot.c: the boot ROM and the stages.
void bm_boot(bm_device* d);
bm_span bm_region(const bm_device* d, bm_partition_id id);
bool bm_erased(bm_span region);
// bm_anchor_in_force finds an anchor by id in what booted, as it stands in flash now. "fuse" is the
// boot ROM's own. *changed tells that the flash no longer holds what was booted.
bool bm_anchor_in_force(bm_device* d, bm_span id, bm_anchor* out, uint8_t digest[32],
                        bool* changed);
// bm_boot_read reads an image that is meant for a partition; no signature is checked.
bool bm_boot_read(const bm_device* d, bm_partition_id id, bm_span image, bm_stage* stage,
                  bm_span* payload);
// bm_boot_judge is what a boot would say of an image in that partition.
bm_verdict bm_boot_judge(bm_device* d, bm_partition_id id, bm_span image, bm_stage* stage,
                         bm_span* payload);
// bm_booted_payload finds the payload of a stage in use; false when the flash has changed since.
bool bm_booted_payload(bm_device* d, const bm_stage* stage, bm_span* payload);

// bm_anchor_of_kind is the first anchor in force of that kind of the draft's section 3.
bool bm_anchor_of_kind(bm_device* d, const char* kind, bm_anchor* out);
// bm_verify_under tries the anchors in force that verify such objects; the first that accepts
// decides.
bm_verdict bm_verify_under(bm_device* d, const char* verifies, bm_span object,
                           bm_verify_result* result);
// bm_tls_host reads a command's "host".
bool bm_tls_host(bm_span args, bm_span* host);
// bm_verify_application asks the stage that starts the application about an envelope.
bm_verdict bm_verify_application(bm_device* d, bm_span envelope, bm_stage* stage);
// bm_product_of reads the map of a manifest's product; a malformed one names none.
void bm_product_of(bm_span product, bm_stage* stage);

// ---- measure.c: the measured boot.
void bm_measure_start(bm_device* d, const uint8_t fuses[BM_FUSE_BYTES]);
void bm_measure_stage(bm_device* d, const bm_stage* stage);
// bm_measure_room tells whether one more event fits; what cannot be measured must not be done.
bool bm_measure_room(const bm_device* d);
void bm_measure_event(bm_device* d, const char* event, const uint8_t digest[BM_DIGEST]);
void bm_write_boot_log(const bm_device* d, bm_cbor_writer* w);
bm_status bm_cmd_boot_log(bm_device* d, bm_span args, bm_cbor_writer* out);

// ---- offer.c: what one image may take the place of.
// bm_anchor_needs is a set of what the image of a payload can verify: what takes its place must
// too.
unsigned bm_anchor_needs(bm_span payload);
// bm_other_product tells whether an image names another product than the device's own images do.
bool bm_other_product(const bm_device* d, const bm_stage* image);

// ---- tam.c: the Trusted Application Manager and what its messages may do.
uint64_t bm_get_u64(const uint8_t* p);  // little-endian, as private memory keeps numbers
void bm_put_u64(uint8_t* p, uint64_t v);
unsigned bm_privileges(bm_span names);
// bm_tam_payload gives what holds the TAM's anchors: its image, or the store once they changed.
bool bm_tam_payload(const bm_device* d, bm_span image_payload, bm_span* payload);
bm_status bm_cmd_tam_message(bm_device* d, bm_span args, bm_cbor_writer* out);

// ---- slots.c: the application's update, into the other buffer or in place.
// bm_update_slot tells which buffer to start; a trial is marked as begun before it is.
bm_partition_id bm_update_slot(bm_device* d);
uint64_t bm_update_floor(const bm_device* d);
// bm_update_ready tells whether an update of the application can begin now.
bm_status bm_update_ready(bm_device* d);
// bm_update_target is the buffer that an update goes into, bm_update_confirmed the one that counts.
bm_partition_id bm_update_target(const bm_device* d, bool in_place);
bm_partition_id bm_update_confirmed(const bm_device* d);
// bm_update_placed has the next boot start the other buffer on trial.
bool bm_update_placed(bm_device* d);
bool bm_update_policy(bm_span args, bool* in_place);
void bm_update_fell_back(bm_device* d);
static inline bool bm_is_application(bm_partition_id id) {
  return id == BM_APPLICATION || id == BM_APPLICATION_B;
}
bm_status bm_cmd_update_begin(bm_device* d, bm_span args, bm_cbor_writer* out);
bm_status bm_cmd_update_write(bm_device* d, bm_span args, bm_cbor_writer* out);
bm_status bm_cmd_update_finish(bm_device* d, bm_span args, bm_cbor_writer* out);
bm_status bm_cmd_update_confirm(bm_device* d, bm_span args, bm_cbor_writer* out);
bm_status bm_cmd_update_state(bm_device* d, bm_span args, bm_cbor_writer* out);

// ---- eat.c: what the device is and what it booted, signed (RFC 9711).
bm_status bm_cmd_token(bm_device* d, bm_span args, bm_cbor_writer* out);

// ---- locks.c: the two locks, the seal, the fuses.
typedef struct {
  uint8_t fuses[BM_FUSE_BYTES];
  bool identity_fuse;
  bool identity_software;
  bool first_stage_fuse;
  bool first_stage_software;
  bool port;
  bool sealed;
  bool secure_boot;
} bm_locks;

void bm_locks_read(const bm_device* d, bm_locks* out);
bool bm_factory_image(const bm_device* d);  // the running image carries factory commands
bool bm_factory_mode(const bm_device* d);   // and the identity lock is open
bm_status bm_blow(bm_device* d, bm_span name, bm_span digest, bool* already);
bm_status bm_lock_software(bm_device* d, bool identity, bool first_stage);
bm_status bm_unconfigure(bm_device* d);

// ---- report.c
void bm_write_boot(const bm_device* d, bm_cbor_writer* w);
void bm_write_rng(const bm_device* d, bm_cbor_writer* w);
void bm_write_slot(bm_device* d, unsigned slot, bm_cbor_writer* w);
// bm_write_signed writes `key` and a COSE_Sign1 of the content by an identity; `type` goes into the
// protected header (RFC 9596). The content may lie in d->scratch.
bm_status bm_write_signed(bm_device* d, bm_identity* id, const char* type, bm_span content,
                          const char* key, bm_cbor_writer* out);
// bm_write_report signs with the key of a slot, if it has one.
bm_status bm_write_report(bm_device* d, unsigned slot, bm_span nonce, bm_cbor_writer* w);

// ---- commands.c and commands_flash.c
typedef bm_status (*bm_handler)(bm_device* d, bm_span args, bm_cbor_writer* out);
bm_status bm_run_command(bm_device* d, uint8_t type, bm_span args, bm_cbor_writer* out);
bm_status bm_cmd_flash_write(bm_device* d, bm_span args, bm_cbor_writer* out);
bm_status bm_cmd_flash_erase(bm_device* d, bm_span args, bm_cbor_writer* out);
bm_status bm_cmd_flash_digest(bm_device* d, bm_span args, bm_cbor_writer* out);
bm_status bm_cmd_flash_read(bm_device* d, bm_span args, bm_cbor_writer* out);
bm_status bm_cmd_chip(bm_device* d, bm_span args, bm_cbor_writer* out);
bm_status bm_cmd_chip_activate(bm_device* d, bm_span args, bm_cbor_writer* out);
bm_status bm_cmd_chip_proof(bm_device* d, bm_span args, bm_cbor_writer* out);
bm_status bm_cmd_self_test(bm_device* d, bm_span args, bm_cbor_writer* out);
bm_status bm_cmd_put_secret(bm_device* d, bm_span args, bm_cbor_writer* out);
bm_status bm_cmd_secret_check(bm_device* d, bm_span args, bm_cbor_writer* out);
bm_status bm_cmd_update_open(bm_device* d, bm_span args, bm_cbor_writer* out);
bm_status bm_cmd_image_offer(bm_device* d, bm_span args, bm_cbor_writer* out);
bm_status bm_cmd_anchors(bm_device* d, bm_span args, bm_cbor_writer* out);
bm_status bm_cmd_seed_facts(bm_device* d, bm_span args, bm_cbor_writer* out);
bm_status bm_cmd_derive(bm_device* d, bm_span args, bm_cbor_writer* out);
bm_status bm_cmd_voucher_request(bm_device* d, bm_span args, bm_cbor_writer* out);
bm_status bm_cmd_voucher(bm_device* d, bm_span args, bm_cbor_writer* out);
bm_status bm_cmd_owner(bm_device* d, bm_span args, bm_cbor_writer* out);
bm_status bm_cmd_owner_cacerts(bm_device* d, bm_span args, bm_cbor_writer* out);
bm_status bm_cmd_owner_reset(bm_device* d, bm_span args, bm_cbor_writer* out);
bm_status bm_cmd_tls_open(bm_device* d, bm_span args, bm_cbor_writer* out);
bm_status bm_cmd_tls_pump(bm_device* d, bm_span args, bm_cbor_writer* out);
bm_status bm_cmd_tls_send(bm_device* d, bm_span args, bm_cbor_writer* out);
bm_status bm_cmd_tls_receive(bm_device* d, bm_span args, bm_cbor_writer* out);
bm_status bm_cmd_tls_close(bm_device* d, bm_span args, bm_cbor_writer* out);
bm_status bm_cmd_debug_challenge(bm_device* d, bm_span args, bm_cbor_writer* out);
bm_status bm_cmd_debug_unlock(bm_device* d, bm_span args, bm_cbor_writer* out);
bool bm_flash_put(bm_device* d, uint32_t offset, const uint8_t* data, size_t size);
bool bm_flash_clear(bm_device* d, uint32_t offset, uint32_t size);

// bm_fail remembers the sentence that goes with a refusal.
static inline bm_status bm_fail(bm_device* d, bm_status status, const char* text) {
  d->error_text = text;
  return status;
}
