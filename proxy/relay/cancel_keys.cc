#include "proxy/relay/cancel_keys.h"

namespace pgassay::relay {

void CancelKeys::Add(std::string_view key, uint64_t session_id, const Server& server) {
  const std::scoped_lock lock(mutex_);
  holders_.insert_or_assign(std::string(key), Holder{session_id, server});
}

void CancelKeys::Remove(std::string_view key, uint64_t session_id) {
  const std::scoped_lock lock(mutex_);
  const auto found = holders_.find(std::string(key));
  if (found != holders_.end() && found->second.session_id == session_id) holders_.erase(found);
}

std::optional<CancelKeys::Server> CancelKeys::Find(std::string_view key) const {
  const std::scoped_lock lock(mutex_);
  const auto found = holders_.find(std::string(key));
  if (found == holders_.end()) return std::nullopt;
  return found->second.server;
}

}  // namespace pgassay::relay
