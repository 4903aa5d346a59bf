// SPDX-License-Identifier: Apache-2.0
// A real TPM 2.0 (swtpm with a maker's chain of its own) driven by tpm2-tools, for tests. Ends with
// the object. Test code.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "crypto/cert.h"

namespace birthmark::attest::test {

class SwTpm {
 public:
  // Available says whether swtpm and tpm2-tools are installed, and prints once when they are not.
  static bool Available();
  // The constructor manufactures and starts it in `folder`; ok() says whether that worked.
  explicit SwTpm(std::filesystem::path folder);
  ~SwTpm();
  SwTpm(const SwTpm&) = delete;
  SwTpm& operator=(const SwTpm&) = delete;

  bool ok() const { return pid_ > 0; }
  // Run runs tpm2-tools commands in the folder with a shell; false when one of them fails.
  bool Run(const std::string& script) const;
  Bytes File(const std::string& name) const;
  void Write(const std::string& name, ByteView b) const;
  crypto::Certificate Root() const;
  crypto::Certificate Issuer() const;
  // EkCertificate reads ek.der (RSA) or ekecc.der, which the constructor has taken from the NV.
  crypto::Certificate EkCertificate(bool ecc = false) const;
  std::string tcti() const { return "swtpm:path=" + (folder_ / "sock").string(); }

 private:
  std::filesystem::path folder_;
  pid_t pid_ = -1;
};

}  // namespace birthmark::attest::test
