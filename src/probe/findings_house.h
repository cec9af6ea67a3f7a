/* Findings about a domain's DNS records, and about the own server's files. See findings.h. */
/* clang-format off */
