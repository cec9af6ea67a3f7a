/* tls */
#include "base/base.h"
