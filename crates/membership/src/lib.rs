//! Who is who in a conclave: identities, devices, signed records, members.
