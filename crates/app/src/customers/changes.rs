//! What an edit changes.

use crate::{directory::Account, sealing};
use carnelian_domain::{CustomerDraft, CustomerField, CustomerId, audit::ANY_FIELD, unique_name};
use carnelian_store::StoredCustomer;

/// The names of the fields that an edit changes. What does not open cannot be compared: then it may be any.
pub(crate) fn changed_fields(
    id: CustomerId,
    current: &StoredCustomer,
    account: &Account,
    draft: &CustomerDraft,
) -> Vec<&'static str> {
    let opened = account.key().ok().and_then(|key| sealing::open(key, account.id, id, &current.sealed).ok());
    let Some(old) = opened else { return vec![ANY_FIELD] };
    let new = &draft.details;
    let changed = |field: &CustomerField| match field {
        CustomerField::Name => draft.name.0.as_str() != current.name,
        CustomerField::AccountName => unique_name(draft.account_name.as_str()) != unique_name(&account.name),
        CustomerField::SecurityQuestion => new.security_question != old.security_question,
        CustomerField::SecurityAnswer => new.security_answer != old.security_answer,
        CustomerField::ShipToBillAddress => draft.ship_to_bill_address != current.ship_to_bill_address,
        CustomerField::Contacts => new.contacts != old.contacts,
        CustomerField::BillingAddress => new.billing_address != old.billing_address,
        CustomerField::ShippingAddress => new.shipping_address != old.shipping_address,
        CustomerField::CustomerId => false,
    };
    CustomerField::ALL.into_iter().filter(changed).map(CustomerField::name).collect()
}
