"""Runs a command as if the kernel had no IPv6: a filter answers EAFNOSUPPORT to socket(AF_INET6)."""
import ctypes
import errno
import os
import socket
import sys

ALLOW, ERRNO, EQUAL = 0x7fff0000, 0x00050000, 4


class Compare(ctypes.Structure):
    _fields_ = [("argument", ctypes.c_uint), ("how", ctypes.c_int), ("first", ctypes.c_uint64), ("second", ctypes.c_uint64)]


seccomp = ctypes.CDLL("libseccomp.so.2")
seccomp.seccomp_init.restype = ctypes.c_void_p
filter_ = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(ALLOW)))
number = seccomp.seccomp_syscall_resolve_name(b"socket")
family = Compare(0, EQUAL, socket.AF_INET6, 0)
assert seccomp.seccomp_rule_add_array(filter_, ctypes.c_uint32(ERRNO | errno.EAFNOSUPPORT), number, 1, ctypes.byref(family)) == 0
assert seccomp.seccomp_load(filter_) == 0
os.execv(sys.argv[1], sys.argv[1:])
