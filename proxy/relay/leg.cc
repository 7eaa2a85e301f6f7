#include <sys/socket.h>

#include <cerrno>

#include "proxy/relay/connection.h"

namespace pgassay::relay {

// As many records as fit whole, so that nothing decrypted stays behind where no readiness would tell of it. An end that
// follows bytes is told by tls->read_end().
ssize_t Leg::ReceiveTls(char* to, size_t size) {
  size_t got = 0;
  do {
    size_t moved = 0;
    const TlsStatus status = tls->Read(to + got, size - got, moved);
    got += moved;
    if (status == TlsStatus::kDone) continue;
    if (status == TlsStatus::kWantWrite) tls_writes = true;
    if (got > 0) break;
    if (status == TlsStatus::kClosed || status == TlsStatus::kTruncated) return 0;
    errno = status == TlsStatus::kFailed ? tls->error() : EAGAIN;
    return -1;
  } while (size - got >= kTlsRecordBytes);
  return static_cast<ssize_t>(got);
}

ssize_t Leg::SendTls(std::string_view bytes) {
  size_t sent = 0;
  while (sent < bytes.size()) {
    size_t moved = 0;
    const TlsStatus status = tls->Write(bytes.data() + sent, bytes.size() - sent, moved);
    sent += moved;
    if (status == TlsStatus::kDone) continue;
    if (sent > 0) break;
    const bool waits = status == TlsStatus::kWantWrite || status == TlsStatus::kWantRead;
    errno = waits ? EAGAIN : status == TlsStatus::kFailed ? tls->error() : EPIPE;
    return -1;
  }
  return static_cast<ssize_t>(sent);
}

bool Leg::EndSending(bool say_so) {
  if (tls && say_so && tls->SendCloseNotify() == TlsStatus::kWantWrite) {
    tls_writes = true;
    return false;
  }
  ::shutdown(fd.get(), SHUT_WR);
  write_open = false;
  return true;
}

void Leg::Drop() {
  tls.reset();
  fd.Reset();
}

}  // namespace pgassay::relay
