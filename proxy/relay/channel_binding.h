// The one place where the relay changes bytes: SCRAM-SHA-256-PLUS is taken out of the server's list of mechanisms where
// the server is reached over TLS and the client's own leg is plain. A client cannot bind to a channel that it has not
// got, and libpq refuses the login when it is offered one. Everything else, and every later byte, passes unchanged; a
// list without another mechanism too. Only the messages before the first authentication request are looked at, and that
// request is held back until it is whole. Pure. Source: PostgreSQL manual, "SASL Authentication", AuthenticationSASL.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pgassay::relay {

class ChannelBindingOffer {
 public:
  // What to pass on now, valid until the next call.
  std::string_view Pass(std::string_view server_bytes);
  // What is held back, when the stream ends.
  std::string_view Rest();
  bool done() const { return done_; }  // pass everything on without asking
  size_t removed_bytes() const { return removed_bytes_; }

 private:
  size_t KnownEnd();
  void Remove(size_t from, size_t size);

  std::string held_;
  std::string passed_;
  size_t removed_bytes_ = 0;
  bool done_ = false;
};

}  // namespace pgassay::relay
