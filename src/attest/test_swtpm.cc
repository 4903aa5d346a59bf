// SPDX-License-Identifier: Apache-2.0
#include "attest/test_swtpm.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "base/files.h"

namespace birthmark::attest::test {

namespace fs = std::filesystem;

bool SwTpm::Available() {
  static const bool there =
      std::system("command -v swtpm_setup swtpm_localca tpm2_certify >/dev/null 2>&1") == 0;
  if (!there) std::puts("swtpm or tpm2-tools is not installed: tests with a real TPM did not run");
  return there;
}

SwTpm::SwTpm(fs::path folder) : folder_(std::move(folder)) {
  const std::string dir = folder_.string();
  fs::create_directories(folder_ / "ca");
  fs::create_directories(folder_ / "state");
  Write("setup.conf",
        AsBytes("create_certs_tool=/usr/bin/swtpm_localca\ncreate_certs_tool_config=" + dir +
                "/localca.conf\ncreate_certs_tool_options=" + dir +
                "/localca.options\nactive_pcr_banks = sha256\n"));
  Write("localca.conf", AsBytes("statedir = " + dir + "/ca\nsigningkey = " + dir +
                                "/ca/signkey.pem\nissuercert = " + dir +
                                "/ca/issuercert.pem\ncertserial = " + dir + "/ca/certserial\n"));
  Write("localca.options", AsBytes("--platform-manufacturer Birthmark\n--platform-version 1\n"
                                   "--platform-model TEST\n"));
  if (!Run("swtpm_setup --tpm2 --tpm-state state --create-ek-cert --vmid dev-1 "
           "--config setup.conf --overwrite --pcr-banks sha256 > setup.log 2>&1"))
    return;
  const std::string state = "dir=" + dir + "/state", sock = "type=unixio,path=" + dir + "/sock";
  const std::string ctrl = sock + ".ctrl";
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    int null = open("/dev/null", O_RDWR);
    dup2(null, 1);
    dup2(null, 2);
    execlp("swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", state.c_str(), "--server",
           sock.c_str(), "--ctrl", ctrl.c_str(), "--flags", "not-need-init,startup-clear",
           static_cast<char*>(nullptr));
    _exit(127);
  }
  // It is there when it answers; the tool tries again until then.
  const bool up = Run(
      "n=0; until tpm2_getcap properties-fixed >/dev/null 2>&1; do n=$((n+1)); [ $n -lt 300 ] || "
      "exit 1; done; tpm2_nvread -Q -C o 0x1c00002 -o ek.der 2>/dev/null && "
      "tpm2_nvread -Q -C o 0x1c00016 -o ekecc.der 2>/dev/null");
  if (up) return;
  kill(pid_, SIGTERM);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

SwTpm::~SwTpm() {
  if (pid_ <= 0) return;
  kill(pid_, SIGTERM);
  waitpid(pid_, nullptr, 0);
}

bool SwTpm::Run(const std::string& script) const {
  Write("run.sh", AsBytes("set -e\ncd '" + folder_.string() + "'\nexport TPM2TOOLS_TCTI='" +
                          tcti() + "'\n" + script + "\n"));
  const std::string log = (folder_ / "run.log").string();
  if (std::system(("sh '" + (folder_ / "run.sh").string() + "' > '" + log + "' 2>&1").c_str()) == 0)
    return true;
  std::puts(std::string(AsText(File("run.log"))).c_str());
  return false;
}

Bytes SwTpm::File(const std::string& name) const {
  FILE* f = std::fopen((folder_ / name).c_str(), "rb");
  Bytes out;
  if (f == nullptr) return out;
  for (int c; (c = std::fgetc(f)) != EOF;) out.push_back(static_cast<uint8_t>(c));
  std::fclose(f);
  return out;
}

void SwTpm::Write(const std::string& name, ByteView b) const {
  FILE* f = std::fopen((folder_ / name).c_str(), "wb");
  if (f == nullptr) std::abort();
  std::fwrite(b.data(), 1, b.size(), f);
  std::fclose(f);
}

crypto::Certificate SwTpm::Root() const {
  return *crypto::Certificate::FromPem(AsText(File("ca/swtpm-localca-rootca-cert.pem")));
}

crypto::Certificate SwTpm::Issuer() const {
  return *crypto::Certificate::FromPem(AsText(File("ca/issuercert.pem")));
}

crypto::Certificate SwTpm::EkCertificate(bool ecc) const {
  return *crypto::Certificate::FromDer(File(ecc ? "ekecc.der" : "ek.der"));
}

}  // namespace birthmark::attest::test
