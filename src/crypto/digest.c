/* crypto */
#include "base/base.h"
