// SPDX-License-Identifier: Apache-2.0
// Exchange is one CMP message and its answer: it finds who sent it, checks what the header says,
// does what the body asks, and answers under the same protection. It lives until it has answered.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "enroll/cmp/core.h"
#include "enroll/cmp/message.h"
#include "enroll/cmp/protect.h"

namespace birthmark::enroll::cmp {

class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  // `message` has been read from `data`'s octets.
  Exchange(std::shared_ptr<Core> core, Bytes data, std::string product, std::string address,
           Reply reply);
  // Run answers now or when the desk has. `accepts` tells whether the path takes this body.
  void Run(bool (*accepts)(Body, const std::string&), const std::string& operation);

 private:
  // exchange.cc: who, and under which protection.
  Status Authenticate();
  Status AuthenticateMac();
  Status AuthenticateSignature();
  Status CheckHeader() const;
  void Dispatch();

  // enrol.cc: from request to confirmation.
  void OnRequest();
  void Submit(const Transactions::Ptr& t);
  void OnGranted(const Transactions::Ptr& t, Result<GrantedKey> r);
  void Issue(const Transactions::Ptr& t, const GrantedKey& granted);
  void Wait(const Transactions::Ptr& t);
  void OnPoll();
  void OnConfirm();
  void OnClientError();
  Result<Bytes> Envelop(const SecretBytes& private_key, bool bare);

  // other.cc: revocation and general messages.
  void OnRevoke();
  void OnGeneral();
  Result<Bytes> Answers();

  // reply.
  struct Extra {
    std::vector<Bytes> certificates;
    bool implicit_confirm = false;
    std::optional<Time> confirm_until;
    int version = 0;  // of the request when 0
  };
  Result<Bytes> Build(Body type, ByteView content, const Extra& extra);
  void Answer(Body type, ByteView content, const Extra& extra);
  void Answer(Body type, ByteView content) { Answer(type, content, Extra()); }
  void Send(Bytes message);
  void Fail(const Error& e);  // an error message
  void Note(const Error& e);

  const std::shared_ptr<Core> core_;
  const Bytes data_;
  const std::string product_, address_;
  std::string note_;  // for the log: why the request was refused
  const Reply reply_;
  Message message_;
  std::shared_ptr<RaSigner> ra_;
  Bytes nonce_;  // our senderNonce

  bool authentic_ = false;
  Sender sender_;
  bool mac_ = false;
  Pbm pbm_;
  SecretBytes mac_key_;
  Digest who_{}, key_{}, hash_{};
};

}  // namespace birthmark::enroll::cmp
