// SPDX-License-Identifier: Apache-2.0
#include "device/tests/station.h"

#include <openssl/x509.h>

#include "crypto/digest.h"

namespace birthmark::device {

bool Station::Do(Sim& sim, uint8_t type, cbor::Map args) {
  last_ = sim.Call(type, std::move(args));
  if (last_.answered && last_.refusal != 0) {
    refusal = "command " + std::to_string(type) + ": " + last_.text;
  }
  return last_.Done();
}

bool Station::Identity(Sim& sim) {
  if (!Do(sim, BM_CMD_PRIVATE_MEMORY_INIT)) return false;
  if (!Do(sim, BM_CMD_SET_SERIAL, {{"serial", "BM-0001"}})) return false;
  if (!Do(sim, BM_CMD_ENTROPY, {{"seed", Bytes(32, 9)}})) return false;
  if (!Do(sim, BM_CMD_SLOT, {{"slot", "idevid"}})) return false;
  if (!last_.True("occupied") &&
      !Do(sim, BM_CMD_GENERATE, {{"slot", "idevid"}, {"algorithm", "p256"}})) {
    return false;
  }
  Bytes key = last_.Octets("public_key");
  if (told_keys.empty() || told_keys.back() != key) told_keys.push_back(key);
  if (last_.True("certificate")) {
    certificate_stored = true;
    return true;
  }
  if (!Do(sim, BM_CMD_CSR,
          {{"slot", "idevid"}, {"subject", "serialNumber=BM-0001"}, {"challenge", Bytes(16, 3)}})) {
    return false;
  }
  Bytes csr = last_.Octets("csr");
  if (!issued.contains(key)) {
    const uint8_t* p = csr.data();
    X509_REQ* request = d2i_X509_REQ(nullptr, &p, static_cast<long>(csr.size()));
    if (!request || X509_REQ_verify(request, X509_REQ_get0_pubkey(request)) != 1) {
      refusal = "the CSR does not verify";
      return false;
    }
    // The issuing helper signs for a key pair; here only the public half is known.
    X509* cert = X509_new();
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 7);
    X509_set_subject_name(cert, X509_REQ_get_subject_name(request));
    X509_NAME_add_entry_by_txt(X509_get_issuer_name(cert), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("ca"), -1, -1, 0);
    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
    X509_set_pubkey(cert, X509_REQ_get0_pubkey(request));
    X509_sign(cert, ca->evp(), EVP_sha256());
    unsigned char* der = nullptr;
    int n = i2d_X509(cert, &der);
    issued[key] = Bytes(der, der + n);
    OPENSSL_free(der);
    X509_free(cert);
    X509_REQ_free(request);
  }
  if (!Do(sim, BM_CMD_PUT_CERTIFICATE, {{"slot", "idevid"}, {"chain", cbor::Array{issued[key]}}})) {
    return false;
  }
  certificate_stored = true;
  return true;
}

bool Station::Install(Sim& sim, const std::string& partition, const Bytes& image) {
  if (!Do(sim, BM_CMD_FLASH_DIGEST,
          {{"partition", partition}, {"offset", 0}, {"size", uint64_t{image.size()}}})) {
    return false;
  }
  Digest wanted = crypto::Sha256(image);
  if (last_.Octets("sha256") == Bytes(wanted.begin(), wanted.end())) return true;
  if (!Do(sim, BM_CMD_FLASH_ERASE, {{"partition", partition}})) return false;
  return Do(sim, BM_CMD_FLASH_WRITE, {{"partition", partition}, {"offset", 0}, {"data", image}});
}

bool Station::Work(Sim& sim) {
  refusal.clear();
  if (!Do(sim, BM_CMD_HELLO)) return false;
  if (last_.True("sealed")) return true;
  // Out of factory mode in the test image: the identity lock is closed, all before it is done.
  if (last_.Text("running") == "test-image" && last_.True("factory_mode")) {
    if (!Identity(sim) || !Install(sim, "first-stage", firmware.first_stage) ||
        !Install(sim, "second-stage", firmware.second_stage) ||
        !Install(sim, "application", firmware.application)) {
      return false;
    }
    Bytes digest(firmware.boot_anchor.begin(), firmware.boot_anchor.end());
    if (!Do(sim, BM_CMD_BLOW, {{"fuse", "boot-anchor"}, {"digest", digest}}) ||
        !Do(sim, BM_CMD_BLOW, {{"fuse", "secure-boot"}}) ||
        !Do(sim, BM_CMD_LOCK, {{"which", "identity"}, {"by", "software"}})) {
      return false;
    }
  }
  return Do(sim, BM_CMD_FLASH_ERASE, {{"partition", "test-image"}}) && Do(sim, BM_CMD_RESET) &&
         Do(sim, BM_CMD_LOCK, {{"which", "identity"}, {"by", "fuse"}}) &&
         Do(sim, BM_CMD_LOCK, {{"which", "first-stage"}, {"by", "fuse"}}) &&
         Do(sim, BM_CMD_BLOW, {{"fuse", "port-lock"}}) && Do(sim, BM_CMD_BLOW, {{"fuse", "seal"}});
}

}  // namespace birthmark::device
