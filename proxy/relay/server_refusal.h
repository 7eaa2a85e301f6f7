// Tells a login refused because it was not encrypted from every other refusal.
// PostgreSQL says SQLSTATE 28000 from its routine ClientAuthentication (neither is translated) for "no pg_hba.conf
// entry" and for a reject line, whatever the cause; that encryption would help it says only in words. Poolers and
// hosted services have words of their own. So: a FATAL ErrorResponse before any authentication request whose text
// speaks of encryption.
#pragma once

#include <string_view>

namespace pgassay::relay {

// `answer`: the first bytes that a server sent after a plain StartupMessage.
bool InsistsOnTls(std::string_view answer);

// An ErrorResponse of SQLSTATE 28000. Behind an authentication request that is how the server says that the client
// bound itself to another certificate than the one that the server shows; at the very start it comes from pg_hba.conf.
bool RefusesBinding(std::string_view answer);

}  // namespace pgassay::relay
