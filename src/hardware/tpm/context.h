// SPDX-License-Identifier: Apache-2.0
// Context: one connection to a TPM 2.0 through ESAPI, with what every use of it repeats: handles
// that are flushed, persistent objects, NV indices. Leaves out what kind of key is made and whose
// it is. Not thread-safe.
#pragma once

#include <tss2/tss2_esys.h>

#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/error.h"

namespace birthmark::hardware {

struct EsysFree {
  void operator()(void* p) const { Esys_Free(p); }
};
template <class T>
using EsysPtr = std::unique_ptr<T, EsysFree>;

// CheckTss turns a response code into an error with the TPM's own words.
Status CheckTss(TSS2_RC rc, std::string_view what);

class Context {
 public:
  // Connect opens the TCTI and clears transient objects and sessions that an earlier user left.
  static Result<std::unique_ptr<Context>> Connect(const std::string& tcti);
  Context(const Context&) = delete;
  ~Context();
  ESYS_CONTEXT* esys() const { return esys_; }

  // Has tells whether a persistent object or an NV index of this number exists.
  Result<bool> Has(TPM2_HANDLE handle);
  // Property is one fixed property (TPM2_PT_…).
  Result<uint32_t> Property(TPM2_PT property);

  Result<Bytes> NvRead(TPM2_HANDLE index);
  // NvWrite defines the index with the size of `data`, in place of one that is there.
  Status NvWrite(TPM2_HANDLE index, ByteView data);
  Status NvRemove(TPM2_HANDLE index);

 private:
  Context() = default;
  Status FlushLeftovers();
  ESYS_CONTEXT* esys_ = nullptr;
  TSS2_TCTI_CONTEXT* tcti_ = nullptr;
};

// Object is an object or session known to ESAPI: a transient one or a session is flushed at the
// end, of a persistent one only the handle goes.
class Object {
 public:
  Object() = default;
  Object(Context* c, ESYS_TR tr, bool transient) : c_(c), tr_(tr), transient_(transient) {}
  Object(Object&& o) noexcept { *this = std::move(o); }
  Object& operator=(Object&& o) noexcept;
  ~Object() { Release(); }
  // Open takes a persistent object or an NV index.
  static Result<Object> Open(Context& c, TPM2_HANDLE handle);
  ESYS_TR tr() const { return tr_; }

 private:
  void Release();
  Context* c_ = nullptr;
  ESYS_TR tr_ = ESYS_TR_NONE;
  bool transient_ = false;
};

}  // namespace birthmark::hardware
