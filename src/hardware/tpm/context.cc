// SPDX-License-Identifier: Apache-2.0
#include "hardware/tpm/context.h"

#include <fmt/format.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_tctildr.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace birthmark::hardware {
namespace {

constexpr size_t kMaxNv = 8192;  // larger than any certificate that an index takes

}  // namespace

Status CheckTss(TSS2_RC rc, std::string_view what) {
  if (rc == TSS2_RC_SUCCESS) return {};
  std::string text = fmt::format("{}: {}", what, Tss2_RC_Decode(rc));
  // Codes without a layer are the TPM's own answer; the others are of the way to it.
  if ((rc & TSS2_RC_LAYER_MASK) == 0)
    return Refused("element.refused", text, "see the TPM's documentation for this response code");
  return Environment("element.failed", text, "check that the TPM is there and nobody else uses it");
}

Result<std::unique_ptr<Context>> Context::Connect(const std::string& tcti) {
  setenv("TSS2_LOG", "all+none", 0);  // the library's own log would go to standard error
  std::unique_ptr<Context> c(new Context());
  if (Tss2_TctiLdr_Initialize(tcti.c_str(), &c->tcti_) != TSS2_RC_SUCCESS) {
    c->tcti_ = nullptr;
    return Environment("element.missing", "no TPM answers at " + tcti,
                       "check the path or port, and that the TPM runs");
  }
  BM_CHECK(CheckTss(Esys_Initialize(&c->esys_, c->tcti_, nullptr), "connect to the TPM"));
  TSS2_RC rc = Esys_Startup(c->esys_, TPM2_SU_CLEAR);
  if (rc != TPM2_RC_INITIALIZE) BM_CHECK(CheckTss(rc, "TPM2_Startup"));
  BM_CHECK(c->FlushLeftovers());
  return c;
}

Context::~Context() {
  if (esys_ != nullptr) Esys_Finalize(&esys_);
  if (tcti_ != nullptr) Tss2_TctiLdr_Finalize(&tcti_);
}

// A user that died left its objects behind, and a TPM has room for three. Behind the kernel's
// resource manager there are none to see.
Status Context::FlushLeftovers() {
  for (TPM2_HANDLE first : {TPM2_TRANSIENT_FIRST, TPM2_LOADED_SESSION_FIRST}) {
    TPMI_YES_NO more = 0;
    TPMS_CAPABILITY_DATA* raw = nullptr;
    BM_CHECK(
        CheckTss(Esys_GetCapability(esys_, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                    TPM2_CAP_HANDLES, first, TPM2_MAX_CAP_HANDLES, &more, &raw),
                 "TPM2_GetCapability"));
    EsysPtr<TPMS_CAPABILITY_DATA> data(raw);
    for (UINT32 i = 0; i < data->data.handles.count; ++i) {
      ESYS_TR tr = ESYS_TR_NONE;
      if (Esys_TR_FromTPMPublic(esys_, data->data.handles.handle[i], ESYS_TR_NONE, ESYS_TR_NONE,
                                ESYS_TR_NONE, &tr) == TSS2_RC_SUCCESS)
        Esys_FlushContext(esys_, tr);
    }
  }
  return {};
}

Result<bool> Context::Has(TPM2_HANDLE handle) {
  TPMI_YES_NO more = 0;
  TPMS_CAPABILITY_DATA* raw = nullptr;
  BM_CHECK(CheckTss(Esys_GetCapability(esys_, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                       TPM2_CAP_HANDLES, handle, 1, &more, &raw),
                    "TPM2_GetCapability"));
  EsysPtr<TPMS_CAPABILITY_DATA> data(raw);
  return data->data.handles.count == 1 && data->data.handles.handle[0] == handle;
}

Result<uint32_t> Context::Property(TPM2_PT property) {
  TPMI_YES_NO more = 0;
  TPMS_CAPABILITY_DATA* raw = nullptr;
  BM_CHECK(CheckTss(Esys_GetCapability(esys_, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                       TPM2_CAP_TPM_PROPERTIES, property, 1, &more, &raw),
                    "TPM2_GetCapability"));
  EsysPtr<TPMS_CAPABILITY_DATA> data(raw);
  const TPML_TAGGED_TPM_PROPERTY& list = data->data.tpmProperties;
  if (list.count != 1 || list.tpmProperty[0].property != property)
    return Environment("element.failed", "the TPM does not tell its properties");
  return list.tpmProperty[0].value;
}

Result<Bytes> Context::NvRead(TPM2_HANDLE index) {
  BM_TRY(bool there, Has(index));
  if (!there) return Refused("element.missing", fmt::format("NV index {:#010x} is empty", index));
  BM_TRY(Object nv, Object::Open(*this, index));
  TPM2B_NV_PUBLIC* raw = nullptr;
  BM_CHECK(CheckTss(
      Esys_NV_ReadPublic(esys_, nv.tr(), ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &raw, nullptr),
      "TPM2_NV_ReadPublic"));
  EsysPtr<TPM2B_NV_PUBLIC> about(raw);
  const size_t size = about->nvPublic.dataSize;
  if (size > kMaxNv) return Refused("element.refused", "an NV index is larger than a certificate");
  // An index says who may read it; the maker's own are often the index's own authority's.
  const ESYS_TR by =
      (about->nvPublic.attributes & TPMA_NV_OWNERREAD) != 0 ? ESYS_TR_RH_OWNER : nv.tr();
  BM_TRY(uint32_t piece, Property(TPM2_PT_NV_BUFFER_MAX));
  Bytes out;
  while (out.size() < size) {
    TPM2B_MAX_NV_BUFFER* part = nullptr;
    const auto n =
        static_cast<UINT16>(std::min<size_t>({size - out.size(), piece, TPM2_MAX_NV_BUFFER_SIZE}));
    BM_CHECK(CheckTss(Esys_NV_Read(esys_, by, nv.tr(), ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                                   n, static_cast<UINT16>(out.size()), &part),
                      "TPM2_NV_Read"));
    EsysPtr<TPM2B_MAX_NV_BUFFER> data(part);
    if (data->size == 0) return Environment("element.failed", "the TPM reads nothing of an index");
    out.insert(out.end(), data->buffer, data->buffer + data->size);
  }
  return out;
}

Status Context::NvWrite(TPM2_HANDLE index, ByteView data) {
  if (data.size() > kMaxNv) return Refused("element.refused", "too large for an NV index");
  BM_CHECK(NvRemove(index));
  BM_TRY(uint32_t piece, Property(TPM2_PT_NV_BUFFER_MAX));
  TPM2B_AUTH none{};
  TPM2B_NV_PUBLIC about{};
  about.nvPublic.nvIndex = index;
  about.nvPublic.nameAlg = TPM2_ALG_SHA256;
  about.nvPublic.attributes =
      TPMA_NV_OWNERWRITE | TPMA_NV_OWNERREAD | TPMA_NV_AUTHREAD | TPMA_NV_NO_DA;
  about.nvPublic.dataSize = static_cast<UINT16>(data.size());
  ESYS_TR tr = ESYS_TR_NONE;
  BM_CHECK(CheckTss(Esys_NV_DefineSpace(esys_, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                        ESYS_TR_NONE, &none, &about, &tr),
                    "TPM2_NV_DefineSpace"));
  Object nv(this, tr, false);
  for (size_t at = 0; at < data.size();) {
    TPM2B_MAX_NV_BUFFER part{};
    part.size =
        static_cast<UINT16>(std::min<size_t>({data.size() - at, piece, sizeof part.buffer}));
    std::memcpy(part.buffer, data.data() + at, part.size);
    BM_CHECK(CheckTss(Esys_NV_Write(esys_, ESYS_TR_RH_OWNER, nv.tr(), ESYS_TR_PASSWORD,
                                    ESYS_TR_NONE, ESYS_TR_NONE, &part, static_cast<UINT16>(at)),
                      "TPM2_NV_Write"));
    at += part.size;
  }
  return {};
}

Status Context::NvRemove(TPM2_HANDLE index) {
  BM_TRY(bool there, Has(index));
  if (!there) return {};
  BM_TRY(Object nv, Object::Open(*this, index));
  return CheckTss(Esys_NV_UndefineSpace(esys_, ESYS_TR_RH_OWNER, nv.tr(), ESYS_TR_PASSWORD,
                                        ESYS_TR_NONE, ESYS_TR_NONE),
                  "TPM2_NV_UndefineSpace");
}

Result<Object> Object::Open(Context& c, TPM2_HANDLE handle) {
  ESYS_TR tr = ESYS_TR_NONE;
  BM_CHECK(CheckTss(
      Esys_TR_FromTPMPublic(c.esys(), handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &tr),
      fmt::format("open {:#010x}", handle)));
  return Object(&c, tr, false);
}

Object& Object::operator=(Object&& o) noexcept {
  if (this == &o) return *this;
  Release();
  c_ = o.c_;
  tr_ = o.tr_;
  transient_ = o.transient_;
  o.tr_ = ESYS_TR_NONE;
  return *this;
}

void Object::Release() {
  if (tr_ == ESYS_TR_NONE) return;
  // An object that the TPM no longer knows cannot be flushed; then only our own record goes.
  if (!transient_ || Esys_FlushContext(c_->esys(), tr_) != TSS2_RC_SUCCESS)
    Esys_TR_Close(c_->esys(), &tr_);
  tr_ = ESYS_TR_NONE;
}

}  // namespace birthmark::hardware
