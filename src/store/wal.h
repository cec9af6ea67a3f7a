/* SQLite's write-ahead log, written in large pieces: a system call for each commit instead of two for each page of it. Nothing that
 * another process may believe in is kept back: what is gathered is that part of a transaction which has no commit yet. */
#ifndef STORE_WAL_H
#define STORE_WAL_H

/* The name of the file system layer for sqlite3_open_v2; NULL: it cannot be made, and the plain one does. */
const char *wal_layer(void);

#endif
