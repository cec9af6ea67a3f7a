/* net */
#include "base/base.h"
