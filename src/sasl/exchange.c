/* sasl */
#include "base/base.h"
