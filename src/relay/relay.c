/* relay */
#include "base/base.h"
