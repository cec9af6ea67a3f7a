/* store */
#include "base/base.h"
